#include "routing/table/manifest.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"
#include "routing/table/content.h"

namespace grouter {
namespace {

constexpr uint32_t kPrefixBytes = 24;  // magic, major, minor, payload length
constexpr uint32_t kMaxProvenance = 4096;

absl::Status Damaged(absl::string_view what, uint64_t offset) {
  return Error(absl::StatusCode::kDataLoss, what, absl::StrCat("manifest at byte ", offset),
               "merge the shards again with `grouter table merge`");
}

bool IsPlainName(absl::string_view name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' && name.find('/') == absl::string_view::npos &&
         name.find('\0') == absl::string_view::npos && absl::EndsWith(name, kShardSuffix);
}

bool GetStrings(ByteReader* in, uint32_t max_count, std::vector<std::string>* out) {
  const uint32_t count = in->Get<uint32_t>();
  if (count > max_count) return false;
  for (uint32_t i = 0; i < count && in->ok(); ++i) out->push_back(in->GetString());
  return in->ok();
}

void PutStrings(const std::vector<std::string>& strings, ByteWriter* out) {
  out->Put<uint32_t>(static_cast<uint32_t>(strings.size()));
  for (const std::string& s : strings) out->PutString(s);
}

absl::Status CheckCoverage(const Manifest& m, uint64_t offset) {
  uint64_t samples = 0, tokens = 0;
  for (const ManifestShard& shard : m.shards) {
    if (!IsPlainName(shard.name))
      return Damaged("a shard's name does not name a file beside the manifest", offset);
    if (shard.first_sample != samples || shard.num_samples > m.num_samples - samples ||
        shard.num_tokens > m.num_tokens - tokens) {
      return Damaged(absl::StrCat("shard ", shard.name, " overlaps, or samples before it are missing"),
                     offset);
    }
    samples += shard.num_samples;
    tokens += shard.num_tokens;
  }
  if (samples != m.num_samples || tokens != m.num_tokens)
    return Damaged("the shards do not cover all samples", offset);
  return absl::OkStatus();
}

}  // namespace

std::string EncodeIdentity(const TableHeader& header, const std::vector<std::string>& domains) {
  ByteWriter out;
  EncodeTableHeader(header, &out);
  PutStrings(domains, &out);
  return out.Take();
}

absl::Status DecodeIdentity(absl::string_view bytes, TableHeader* header, std::vector<std::string>* domains) {
  ByteReader in(bytes);
  GROUTER_ASSIGN_OR_RETURN(*header, DecodeTableHeader(&in));
  domains->clear();
  if (!GetStrings(&in, kMaxDomains, domains) || !in.AtEnd()) {
    return Error(absl::StatusCode::kDataLoss, "the identity section is cut short", "",
                 "write the shard again");
  }
  return absl::OkStatus();
}

std::string EncodeManifest(const Manifest& m) {
  ByteWriter payload;
  payload.Put<uint8_t>(static_cast<uint8_t>(m.tier));
  payload.Put<uint8_t>(m.token_crcs_known);
  payload.PutString(EncodeIdentity(m.header, m.domains));
  payload.Put<uint64_t>(m.num_samples);
  payload.Put<uint64_t>(m.num_tokens);
  payload.PutDigest(m.root);
  payload.PutDigest(m.content_digest);
  payload.Put<uint32_t>(static_cast<uint32_t>(m.shards.size()));
  for (const ManifestShard& shard : m.shards) {
    payload.PutString(shard.name);
    payload.Put<uint64_t>(shard.file_bytes);
    payload.Put<uint64_t>(shard.first_sample);
    payload.Put<uint64_t>(shard.num_samples);
    payload.Put<uint64_t>(shard.num_tokens);
    payload.PutDigest(shard.header_digest);
  }
  PutStrings(m.provenance, &payload);
  ByteWriter out;
  out.PutRaw(kManifestMagic, 8);
  out.Put<uint32_t>(m.format_major);
  out.Put<uint32_t>(m.format_minor);
  out.PutArray<char>(payload.bytes());
  out.PutDigest(Sha256(out.bytes()));
  return out.Take();
}

absl::StatusOr<Manifest> DecodeManifest(absl::string_view bytes) {
  if (bytes.size() < 16 || std::memcmp(bytes.data(), kManifestMagic, 8) != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "not a routing table's manifest", "byte 0",
                 "give the folder of a table");
  }
  ByteReader in(bytes);
  in.GetRaw(8);
  Manifest m;
  m.format_major = in.Get<uint32_t>();
  m.format_minor = in.Get<uint32_t>();
  const uint64_t payload_bytes = in.Get<uint64_t>();
  if (!in.ok() || payload_bytes > in.remaining() || in.remaining() - payload_bytes != 32) {
    return Damaged("the manifest is cut short", bytes.size());
  }
  const absl::string_view payload = in.GetRaw(payload_bytes);
  if (Sha256(bytes.substr(0, kPrefixBytes + payload_bytes)) != in.GetDigest())
    return Damaged("wrong checksum", 0);
  if (m.format_major != kTableFormatMajor) {
    return Error(absl::StatusCode::kUnimplemented,
                 absl::StrCat("table format ", m.format_major, ".", m.format_minor, " is not known here (",
                              kTableFormatMajor, ".x is)"),
                 "manifest", "use a newer Grouter, or write the table with this one");
  }
  ByteReader p(payload);
  const uint8_t tier = p.Get<uint8_t>();
  const uint8_t crcs = p.Get<uint8_t>();
  if (tier > 1 || crcs > 1) return Damaged("unknown tier or flag", kPrefixBytes);
  m.tier = static_cast<TableTier>(tier);
  m.token_crcs_known = crcs != 0;
  const absl::string_view identity = p.GetRaw(p.Get<uint32_t>());
  GROUTER_RETURN_IF_ERROR(DecodeIdentity(identity, &m.header, &m.domains));
  m.num_samples = p.Get<uint64_t>();
  m.num_tokens = p.Get<uint64_t>();
  m.root = p.GetDigest();
  m.content_digest = p.GetDigest();
  const uint32_t num_shards = p.Get<uint32_t>();
  for (uint32_t i = 0; i < num_shards && p.ok(); ++i) {
    ManifestShard shard;
    shard.name = p.GetString();
    shard.file_bytes = p.Get<uint64_t>();
    shard.first_sample = p.Get<uint64_t>();
    shard.num_samples = p.Get<uint64_t>();
    shard.num_tokens = p.Get<uint64_t>();
    shard.header_digest = p.GetDigest();
    m.shards.push_back(std::move(shard));
  }
  const bool complete = GetStrings(&p, kMaxProvenance, &m.provenance);
  if (!complete || (m.format_minor <= kTableFormatMinor && !p.AtEnd())) {
    return Damaged("a field is cut short or left over", kPrefixBytes + p.offset());
  }
  GROUTER_RETURN_IF_ERROR(CheckCoverage(m, kPrefixBytes));
  if (m.content_digest != ContentDigest(m.header, m.num_samples, m.root)) {
    return Damaged("the content digest does not fit header and root", kPrefixBytes);
  }
  return m;
}

}  // namespace grouter
