#include "data/sample_index_format.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr absl::string_view kMagic("GRSINDEX", 8);
constexpr uint32_t kMajor = 1;
constexpr uint32_t kMinor = 0;
constexpr uint64_t kPrefixBytes = 8 + 4 + 4 + 8 + 8;
constexpr char kRemake[] = "make the sample index again";

uint64_t RoundUp8(uint64_t n) { return (n + 7) & ~uint64_t{7}; }

void PutHeader(const SampleIndexHeader& header, uint64_t num_samples, uint64_t num_ranges, ByteWriter* out) {
  out->PutDigest(header.tokenizer_digest);
  out->PutDigest(header.dataset_digest);
  out->Put<uint8_t>(static_cast<uint8_t>(header.rules.packing));
  out->Put<uint32_t>(header.rules.sequence_length);
  out->Put<uint64_t>(header.rules.document_order_seed);
  out->Put<int64_t>(header.rules.eod_token);
  out->Put<uint8_t>(header.rules.cross_document ? 1 : 0);
  out->Put<uint8_t>(header.rules.loss_across_documents ? 1 : 0);
  out->Put<uint8_t>(header.token_crcs_known ? 1 : 0);
  out->Put<uint64_t>(header.num_tokens);
  out->Put<uint64_t>(num_samples);
  out->Put<uint64_t>(num_ranges);
  out->Put<uint32_t>(static_cast<uint32_t>(header.domains.size()));
  for (const std::string& domain : header.domains) out->PutString(domain);
  out->Put<uint32_t>(static_cast<uint32_t>(header.splits.size()));
  for (const DataSplit& split : header.splits) {
    out->PutString(split.name);
    out->Put<uint64_t>(split.first_sample);
    out->Put<uint64_t>(split.num_samples);
    out->Put<uint64_t>(split.num_tokens);
    out->Put<uint64_t>(split.num_loss_tokens);
  }
}

absl::string_view AsBytes(absl::Span<const SampleRecord> records) {
  return absl::string_view(reinterpret_cast<const char*>(records.data()),
                           records.size() * sizeof(SampleRecord));
}
absl::string_view AsBytes(absl::Span<const TokenRange> ranges) {
  return absl::string_view(reinterpret_cast<const char*>(ranges.data()), ranges.size() * sizeof(TokenRange));
}

Digest ContentDigest(absl::string_view header, absl::Span<const SampleRecord> records,
                     absl::Span<const TokenRange> ranges) {
  Sha256Stream stream;
  stream.Update("grouter sample index 1");
  stream.Update(header);
  stream.Update(AsBytes(records));
  stream.Update(AsBytes(ranges));
  return stream.Finish();
}

struct Counts {
  uint64_t samples = 0;
  uint64_t ranges = 0;
};

bool GetFlag(ByteReader* in, bool* flag) {
  const auto byte = in->Get<uint8_t>();
  *flag = byte == 1;
  return byte <= 1;
}

// False when a value is out of its range; short input shows in in->ok().
bool GetHeader(ByteReader* in, SampleIndexHeader* header, Counts* counts) {
  header->tokenizer_digest = in->GetDigest();
  header->dataset_digest = in->GetDigest();
  const auto packing = in->Get<uint8_t>();
  if (packing > static_cast<uint8_t>(SampleIndexRules::Packing::kFromLengths)) return false;
  header->rules.packing = static_cast<SampleIndexRules::Packing>(packing);
  header->rules.sequence_length = in->Get<uint32_t>();
  header->rules.document_order_seed = in->Get<uint64_t>();
  header->rules.eod_token = in->Get<int64_t>();
  if (!GetFlag(in, &header->rules.cross_document) || !GetFlag(in, &header->rules.loss_across_documents) ||
      !GetFlag(in, &header->token_crcs_known)) {
    return false;
  }
  header->num_tokens = in->Get<uint64_t>();
  counts->samples = in->Get<uint64_t>();
  counts->ranges = in->Get<uint64_t>();
  const auto num_domains = in->Get<uint32_t>();
  for (uint32_t i = 0; i < num_domains && in->ok(); ++i) header->domains.push_back(in->GetString());
  const auto num_splits = in->Get<uint32_t>();
  for (uint32_t i = 0; i < num_splits && in->ok(); ++i) {
    DataSplit split;
    split.name = in->GetString();
    split.first_sample = in->Get<uint64_t>();
    split.num_samples = in->Get<uint64_t>();
    split.num_tokens = in->Get<uint64_t>();
    split.num_loss_tokens = in->Get<uint64_t>();
    header->splits.push_back(std::move(split));
  }
  return in->AtEnd() && num_domains > 0;
}

// What is wrong with a sample; empty when nothing is.
absl::string_view SampleFault(const SampleIndexView& view, const SampleRecord& record, uint64_t next_range) {
  if (record.first_range != next_range || record.num_ranges > view.ranges.size() - next_range) {
    return "ranges that are not its own";
  }
  uint64_t left = record.length;
  for (const TokenRange& range : view.ranges.subspan(record.first_range, record.num_ranges)) {
    if (range.length == 0 || range.length > left || range.offset > UINT64_MAX - range.length) {
      return "ranges that do not add up to its length";
    }
    left -= range.length;
  }
  if (left != 0) return "ranges that do not add up to its length";
  if (record.num_loss_tokens > record.length) return "more loss tokens than tokens";
  if (record.length > view.header.rules.sequence_length) return "more tokens than the longest sample";
  if (record.domain >= view.header.domains.size()) return "an unknown domain";
  if (record.reserved != 0) return "a reserved field in use";
  if (!view.header.token_crcs_known && record.token_crc32c != 0) return "a checksum although none is known";
  if (record.label_document == SampleRecord::kNoLabel && record.label_offset != 0) return "half a label";
  return "";
}

// Splits must cover the samples in order, and their sums be right. Empty when they do.
std::string SplitFault(const SampleIndexView& view) {
  std::set<absl::string_view> names;
  uint64_t next = 0, all_tokens = 0;
  for (const DataSplit& split : view.header.splits) {
    if (!names.insert(split.name).second || split.name.empty()) return "a split without a name of its own";
    if (split.first_sample != next || split.num_samples > view.records.size() - next) {
      return absl::StrCat("split \"", split.name, "\" does not follow the one before");
    }
    uint64_t tokens = 0, loss_tokens = 0;
    for (const SampleRecord& record : view.records.subspan(next, split.num_samples)) {
      tokens += record.length;
      loss_tokens += record.num_loss_tokens;
    }
    if (tokens != split.num_tokens || loss_tokens != split.num_loss_tokens) {
      return absl::StrCat("the sums of split \"", split.name, "\" are wrong");
    }
    all_tokens += tokens;
    next += split.num_samples;
  }
  if (next != view.records.size()) return "samples outside every split";
  return all_tokens == view.header.num_tokens ? "" : "the sum of tokens is wrong";
}

}  // namespace

std::string EncodeSampleIndex(const SampleIndexHeader& header, absl::Span<const SampleRecord> records,
                              absl::Span<const TokenRange> ranges) {
  ByteWriter content;
  PutHeader(header, records.size(), ranges.size(), &content);
  const uint64_t header_bytes = 32 + content.size();
  const uint64_t samples_at = RoundUp8(kPrefixBytes + header_bytes);
  ByteWriter out;
  out.PutRaw(kMagic.data(), kMagic.size());
  out.Put<uint32_t>(kMajor);
  out.Put<uint32_t>(kMinor);
  out.Put<uint64_t>(samples_at + records.size() * sizeof(SampleRecord) + ranges.size() * sizeof(TokenRange));
  out.Put<uint64_t>(header_bytes);
  out.PutDigest(ContentDigest(content.bytes(), records, ranges));
  out.PutRaw(content.bytes().data(), content.size());
  while (out.size() < samples_at) out.Put<uint8_t>(0);
  out.PutRaw(records.data(), records.size() * sizeof(SampleRecord));
  out.PutRaw(ranges.data(), ranges.size() * sizeof(TokenRange));
  return out.Take();
}

absl::StatusOr<SampleIndexView> ParseSampleIndex(absl::string_view bytes, absl::string_view where) {
  const auto damaged = [&](absl::string_view what, uint64_t offset) {
    return Error(absl::StatusCode::kDataLoss, what, absl::StrCat(where, " byte ", offset), kRemake);
  };
  ByteReader in(bytes);
  if (in.GetRaw(kMagic.size()) != kMagic) {
    return Error(absl::StatusCode::kInvalidArgument, "not a sample index", where,
                 "give the file that `grouter index` made");
  }
  const auto major = in.Get<uint32_t>();
  in.Get<uint32_t>();  // a newer minor version adds nothing that a reader must know
  if (in.ok() && major != kMajor) {
    return Error(absl::StatusCode::kUnimplemented, absl::StrCat("sample index version ", major), where,
                 "use the grouter that made it, or make it again");
  }
  const auto file_bytes = in.Get<uint64_t>();
  const auto header_bytes = in.Get<uint64_t>();
  if (!in.ok() || file_bytes != bytes.size())
    return damaged("the file is cut or has bytes to spare", bytes.size());
  if (header_bytes < 32 || header_bytes > bytes.size() - kPrefixBytes)
    return damaged("a wrong header length", 24);
  SampleIndexView view;
  view.digest = in.GetDigest();
  const absl::string_view content = in.GetRaw(header_bytes - 32);
  ByteReader header_in(content);
  Counts counts;
  if (!GetHeader(&header_in, &view.header, &counts)) return damaged("a damaged header", kPrefixBytes);
  const uint64_t samples_at = RoundUp8(kPrefixBytes + header_bytes);
  const absl::string_view padding = in.GetRaw(samples_at - kPrefixBytes - header_bytes);
  if (!in.ok() || padding.find_first_not_of('\0') != absl::string_view::npos)
    return damaged("bytes in the padding", in.offset());
  const uint64_t body = bytes.size() - samples_at;
  if (counts.samples > body / sizeof(SampleRecord) || counts.ranges > body / sizeof(TokenRange) ||
      counts.samples * sizeof(SampleRecord) + counts.ranges * sizeof(TokenRange) != body) {
    return damaged("counts that do not fit the file", kPrefixBytes);
  }
  const char* samples = bytes.data() + samples_at;
  GROUTER_CHECK(reinterpret_cast<uintptr_t>(samples) % alignof(SampleRecord) == 0);
  view.records = {reinterpret_cast<const SampleRecord*>(samples), counts.samples};
  view.ranges = {reinterpret_cast<const TokenRange*>(samples + counts.samples * sizeof(SampleRecord)),
                 counts.ranges};
  uint64_t next_range = 0;
  for (uint64_t i = 0; i < counts.samples; ++i) {
    const absl::string_view fault = SampleFault(view, view.records[i], next_range);
    if (!fault.empty())
      return damaged(absl::StrCat("sample ", i, " has ", fault), samples_at + i * sizeof(SampleRecord));
    next_range += view.records[i].num_ranges;
  }
  if (next_range != counts.ranges)
    return damaged("ranges of no sample", samples_at + counts.samples * sizeof(SampleRecord));
  const std::string fault = SplitFault(view);
  if (!fault.empty()) return damaged(fault, kPrefixBytes);
  if (ContentDigest(content, view.records, view.ranges) != view.digest) {
    return damaged("the content does not have the digest that it states", kPrefixBytes);
  }
  return view;
}

}  // namespace grouter
