#include "routing/table/format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "io/error.h"

namespace grouter {
namespace {

absl::Status BadHeader(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, what, "routing table header", "correct the field");
}

absl::Status BadPage(absl::string_view what, uint64_t offset) {
  return Error(absl::StatusCode::kDataLoss, what, absl::StrCat("shard header at byte ", offset),
               "write the shard again");
}

constexpr uint32_t kFlagTokenCrcsKnown = 1;

}  // namespace

absl::Status ValidateTableHeader(const TableHeader& h) {
  if (h.num_experts < kMinExperts || h.num_experts > kMaxExperts) {
    return BadHeader(absl::StrCat("num_experts is ", h.num_experts, ", not in 2..65536"));
  }
  if (h.k > kMaxK || h.k > h.num_experts) {
    return BadHeader(absl::StrCat("k is ", h.k, ", not in 0..min(16, num_experts)"));
  }
  if (h.num_layer_groups < 1 || h.num_layer_groups > kMaxLayerGroups) {
    return BadHeader(absl::StrCat("num_layer_groups is ", h.num_layer_groups, ", not in 1..65536"));
  }
  if (h.id_width != IdWidth(h.num_experts)) {
    return BadHeader(absl::StrCat("id_width is ", h.id_width, " for ", h.num_experts, " experts"));
  }
  if (static_cast<uint8_t>(h.weight_type) > 3) return BadHeader("weight_type is unknown");
  if (static_cast<uint8_t>(h.causality) > 3) return BadHeader("causality is unknown");
  if (static_cast<uint8_t>(h.eod_rule) > 2 || static_cast<uint8_t>(h.padding_rule) > 2) {
    return BadHeader("eod_rule or padding_rule is unknown");
  }
  if (h.sample_index_digest.IsZero()) return BadHeader("sample_index_digest is missing");
  if (h.splits.size() > kMaxSplits) return BadHeader("more than 1024 splits");
  uint64_t next = 0;
  for (const DataSplit& split : h.splits) {
    if (split.name.empty()) return BadHeader("a split has no name");
    if (split.first_sample != next || split.num_samples > UINT64_MAX - next) {
      return BadHeader(absl::StrCat("split ", split.name, " does not start where the one before it ends"));
    }
    next += split.num_samples;
  }
  return absl::OkStatus();
}

void EncodeTableHeader(const TableHeader& h, ByteWriter* out) {
  out->PutDigest(h.tokenizer_digest);
  out->PutDigest(h.router_digest);
  out->PutDigest(h.sample_index_digest);
  out->PutDigest(h.parent_digest);
  out->Put<uint32_t>(h.num_experts);
  out->Put<uint32_t>(h.k);
  out->Put<uint8_t>(h.per_token_k);
  out->Put<uint32_t>(h.num_layer_groups);
  out->Put<uint8_t>(static_cast<uint8_t>(h.weight_type));
  out->Put<uint8_t>(static_cast<uint8_t>(h.causality));
  out->Put<uint8_t>(h.allow_generation_capture);
  out->Put<uint8_t>(h.cross_document);
  out->Put<int64_t>(h.eod_token);
  out->Put<uint8_t>(static_cast<uint8_t>(h.eod_rule));
  out->Put<uint8_t>(static_cast<uint8_t>(h.padding_rule));
  out->Put<uint32_t>(static_cast<uint32_t>(h.splits.size()));
  for (const DataSplit& split : h.splits) {
    out->PutString(split.name);
    out->Put<uint64_t>(split.first_sample);
    out->Put<uint64_t>(split.num_samples);
    out->Put<uint64_t>(split.num_tokens);
    out->Put<uint64_t>(split.num_loss_tokens);
  }
}

absl::StatusOr<TableHeader> DecodeTableHeader(ByteReader* in) {
  TableHeader h;
  bool canonical = true;
  auto get_bool = [&] {
    const uint8_t value = in->Get<uint8_t>();
    canonical = canonical && value <= 1;
    return value != 0;
  };
  h.tokenizer_digest = in->GetDigest();
  h.router_digest = in->GetDigest();
  h.sample_index_digest = in->GetDigest();
  h.parent_digest = in->GetDigest();
  h.num_experts = in->Get<uint32_t>();
  h.k = in->Get<uint32_t>();
  h.per_token_k = get_bool();
  h.num_layer_groups = in->Get<uint32_t>();
  h.weight_type = static_cast<WeightType>(in->Get<uint8_t>());
  h.causality = static_cast<Causality>(in->Get<uint8_t>());
  h.allow_generation_capture = get_bool();
  h.cross_document = get_bool();
  h.eod_token = in->Get<int64_t>();
  h.eod_rule = static_cast<PositionRule>(in->Get<uint8_t>());
  h.padding_rule = static_cast<PositionRule>(in->Get<uint8_t>());
  const uint32_t num_splits = in->Get<uint32_t>();
  for (uint32_t i = 0; i < num_splits && in->ok(); ++i) {
    DataSplit split;
    split.name = in->GetString();
    split.first_sample = in->Get<uint64_t>();
    split.num_samples = in->Get<uint64_t>();
    split.num_tokens = in->Get<uint64_t>();
    split.num_loss_tokens = in->Get<uint64_t>();
    h.splits.push_back(std::move(split));
  }
  if (!in->ok() || !canonical) return BadHeader("the encoded header is cut short or not canonical");
  h.id_width = IdWidth(h.num_experts);
  GROUTER_RETURN_IF_ERROR(ValidateTableHeader(h));
  return h;
}

RecordLayout LayoutRecord(const TableHeader& header, uint64_t num_tokens, bool has_missing) {
  RecordLayout layout;
  layout.ids_bytes = num_tokens * header.k * header.id_width;
  layout.weights = AlignUp8(layout.ids_bytes);
  layout.weights_bytes = num_tokens * header.k * WeightBytes(header.weight_type);
  layout.num_topk = AlignUp8(layout.weights + layout.weights_bytes);
  layout.num_topk_bytes = header.per_token_k ? num_tokens : 0;
  layout.missing = AlignUp8(layout.num_topk + layout.num_topk_bytes);
  layout.missing_bytes = has_missing ? (num_tokens + 7) / 8 : 0;
  const RecordLayout coded = LayoutCodedRecord(AlignUp8(layout.missing + layout.missing_bytes));
  layout.payload_bytes = coded.payload_bytes;
  layout.num_blocks = coded.num_blocks;
  layout.bytes = coded.bytes;
  return layout;
}

RecordLayout LayoutCodedRecord(uint64_t payload_bytes) {
  RecordLayout layout;
  layout.payload_bytes = payload_bytes;
  layout.num_blocks = (payload_bytes + kBlockBytes - 1) / kBlockBytes;
  layout.bytes = AlignUp8(payload_bytes + 4 * layout.num_blocks);
  return layout;
}

uint32_t BlockCrc(uint64_t sample, uint32_t layer_group, uint64_t block, absl::string_view bytes) {
  char place[20];
  std::memcpy(place, &sample, 8);
  std::memcpy(place + 8, &block, 8);
  std::memcpy(place + 16, &layer_group, 4);
  return Crc32c(bytes.data(), bytes.size(), Crc32c(place, sizeof(place)));
}

const Section* ShardHeader::Find(SectionKind kind) const {
  for (const Section& section : sections) {
    if (section.kind == kind) return &section;
  }
  return nullptr;
}

std::string EncodeShardHeader(const ShardHeader& h) {
  GROUTER_CHECK(h.sections.size() <= kMaxSections);
  ByteWriter out;
  out.PutRaw(kShardMagic, 8);
  out.Put<uint32_t>(h.format_major);
  out.Put<uint32_t>(h.format_minor);
  out.Put<uint32_t>(static_cast<uint32_t>(h.tier));
  out.Put<uint32_t>(h.token_crcs_known ? kFlagTokenCrcsKnown : 0);
  out.Put<uint64_t>(h.first_sample);
  out.Put<uint64_t>(h.num_samples);
  out.Put<uint64_t>(h.num_tokens);
  out.Put<uint32_t>(kBlockBytes);
  out.Put<uint32_t>(static_cast<uint32_t>(h.sections.size()));
  for (const Section& section : h.sections) {
    out.Put<uint32_t>(static_cast<uint32_t>(section.kind));
    out.Put<uint32_t>(section.crc32c);
    out.Put<uint64_t>(section.offset);
    out.Put<uint64_t>(section.bytes);
  }
  std::string page = out.Take();
  page.resize(kHeaderPageBytes - 4);
  const uint32_t crc = Crc32c(page);
  page.append(reinterpret_cast<const char*>(&crc), 4);
  return page;
}

absl::StatusOr<ShardHeader> DecodeShardHeader(absl::string_view page, uint64_t file_bytes) {
  if (page.size() < 16 || std::memcmp(page.data(), kShardMagic, 8) != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "not a routing table shard", "byte 0",
                 "give a folder made by `grouter table`");
  }
  ByteReader in(page);
  in.GetRaw(8);
  ShardHeader h;
  h.format_major = in.Get<uint32_t>();
  h.format_minor = in.Get<uint32_t>();
  if (page.size() < kHeaderPageBytes) return BadPage("the file is cut short", page.size());
  uint32_t crc;
  std::memcpy(&crc, page.data() + kHeaderPageBytes - 4, 4);
  if (Crc32c(page.data(), kHeaderPageBytes - 4) != crc) return BadPage("wrong checksum", 0);
  if (h.format_major != kTableFormatMajor) {
    return Error(absl::StatusCode::kUnimplemented,
                 absl::StrCat("table format ", h.format_major, ".", h.format_minor, " is not known here (",
                              kTableFormatMajor, ".x is)"),
                 "shard header", "use a newer Grouter, or write the table with this one");
  }
  const uint32_t tier = in.Get<uint32_t>();
  if (tier > 1) return BadPage("unknown tier", 16);
  h.tier = static_cast<TableTier>(tier);
  h.token_crcs_known = (in.Get<uint32_t>() & kFlagTokenCrcsKnown) != 0;
  h.first_sample = in.Get<uint64_t>();
  h.num_samples = in.Get<uint64_t>();
  h.num_tokens = in.Get<uint64_t>();
  if (in.Get<uint32_t>() != kBlockBytes) return BadPage("unknown block size", 48);
  const uint32_t num_sections = in.Get<uint32_t>();
  if (num_sections > kMaxSections) return BadPage("too many sections", 52);
  uint64_t end = kHeaderPageBytes;
  for (uint32_t i = 0; i < num_sections; ++i) {
    Section section;
    section.kind = static_cast<SectionKind>(in.Get<uint32_t>());
    section.crc32c = in.Get<uint32_t>();
    section.offset = in.Get<uint64_t>();
    section.bytes = in.Get<uint64_t>();
    if (section.offset != end || section.bytes > file_bytes || section.offset > file_bytes - section.bytes) {
      return BadPage(absl::StrCat("section ", i, " does not lie in the file of ", file_bytes, " bytes"),
                     in.offset());
    }
    end = AlignUp8(section.offset + section.bytes);
    h.sections.push_back(section);
  }
  if (end != file_bytes) {
    return BadPage(absl::StrCat("the file has ", file_bytes, " bytes, its sections end at ", end),
                   file_bytes);
  }
  if (h.first_sample > UINT64_MAX / 2 || h.num_samples > file_bytes)
    return BadPage("absurd sample count", 32);
  for (uint32_t kind = 1; kind <= static_cast<uint32_t>(SectionKind::kStatistics); ++kind) {
    if (h.Find(static_cast<SectionKind>(kind)) == nullptr) {
      return BadPage(absl::StrCat("section ", kind, " is missing"), 52);
    }
  }
  return h;
}

std::string ShardName(uint64_t first_sample, uint64_t num_samples) {
  return absl::StrFormat("%012d-%012d%s", first_sample, num_samples, kShardSuffix);
}

}  // namespace grouter
