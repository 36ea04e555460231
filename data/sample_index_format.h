// The sample index's file and canonical content (docs/data.md): one value that an index is made
// from, its bytes, and the parser of those bytes.
//
//   "GRSINDEX" | u32 major | u32 minor | u64 file bytes | u64 header bytes | header | zeros to 8 bytes |
//   SampleRecord [num_samples] | TokenRange [num_ranges]
//
// The header is io/coding.h's encoding; its first field is the digest: SHA-256 over the rest of the header,
// the records and the ranges.
#ifndef GROUTER_DATA_SAMPLE_INDEX_FORMAT_H_
#define GROUTER_DATA_SAMPLE_INDEX_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "data/sample_index.h"
#include "io/digest.h"

namespace grouter {

// One sample as it lies in the file.
struct SampleRecord {
  static constexpr uint64_t kNoLabel = UINT64_MAX;
  uint64_t first_range = 0;  // index into the ranges; samples' ranges lie in sample order without gaps
  uint32_t num_ranges = 0;
  uint32_t length = 0;
  uint32_t num_loss_tokens = 0;
  uint32_t domain = 0;
  uint32_t token_crc32c = 0;
  uint32_t reserved = 0;
  uint64_t label_document = kNoLabel;  // kNoLabel: no label after the last token
  uint64_t label_offset = 0;
};
static_assert(sizeof(SampleRecord) == 48, "the record is its own encoding");
static_assert(sizeof(TokenRange) == 24, "the range is its own encoding");

// Everything but the samples.
struct SampleIndexHeader {
  Digest tokenizer_digest;
  Digest dataset_digest;
  SampleIndexRules rules;
  bool token_crcs_known = false;
  uint64_t num_tokens = 0;
  std::vector<std::string> domains;  // at least one
  std::vector<DataSplit> splits;     // in order, without gaps, over all samples; names are different
};

// A parsed file: header by value, samples where they lie.
struct SampleIndexView {
  Digest digest;
  SampleIndexHeader header;
  absl::Span<const SampleRecord> records;
  absl::Span<const TokenRange> ranges;
};

// The file's bytes. The parser is the judge of whether they make sense.
std::string EncodeSampleIndex(const SampleIndexHeader& header, absl::Span<const SampleRecord> records,
                              absl::Span<const TokenRange> ranges);

// Checks everything, digest included; the spans point into `bytes`, which must be aligned to 8 bytes and
// outlive them. Errors as SampleIndex::Open; `where` names the file.
absl::StatusOr<SampleIndexView> ParseSampleIndex(absl::string_view bytes, absl::string_view where);

// An index over `bytes` that it keeps.
absl::StatusOr<std::shared_ptr<const SampleIndex>> SampleIndexFromBytes(std::string bytes,
                                                                        absl::string_view where);

}  // namespace grouter

#endif  // GROUTER_DATA_SAMPLE_INDEX_FORMAT_H_
