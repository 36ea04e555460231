// What a trainer feeds the model for one sample: ids, labels, which labels count, and where documents begin.
//
// A new document begins inside a sample where its range does not continue the one before, and behind every
// end-of-document token. The label of position i is the token after it in the sample, for the last position
// the token after the sample. A label takes part in the loss unless there is none, or it begins another
// document and the rules say loss_across_documents = false.
#ifndef GROUTER_DATA_SAMPLE_TOKENS_H_
#define GROUTER_DATA_SAMPLE_TOKENS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "data/indexed_dataset.h"
#include "data/sample_index.h"

namespace grouter {

// One sample, [length] each. A value to reuse from sample to sample.
struct SampleTokens {
  std::vector<uint32_t> tokens;
  std::vector<uint32_t> labels;           // 0 where there is none
  std::vector<uint8_t> loss_mask;         // 1: this label takes part in the loss
  std::vector<uint32_t> positions;        // from 0; restart with each document unless cross_document
  std::vector<uint32_t> document_starts;  // where the sample's documents begin, ascending; the first is 0

  uint32_t num_loss_tokens() const;
  uint32_t token_crc32c() const;  // of the ids as little-endian u32
};

// Reads `ranges` (and the label) from the dataset and applies the rules. Reads no index: the index is built
// with it. Errors: those of IndexedDataset::ReadDocument, INVALID_ARGUMENT for a range of a document that is
// not there.
absl::Status ReadRanges(const IndexedDataset& dataset, const SampleIndexRules& rules,
                        absl::Span<const TokenRange> ranges, const absl::optional<TokenRange>& label_after,
                        SampleTokens* out);

// The sample of an index. REQUIRES: sample < index.num_samples(). DATA_LOSS when the ids do not have the
// sample's checksum (it names the sample); FAILED_PRECONDITION for an index made from lengths. Thread-safe.
absl::Status ReadSampleTokens(const IndexedDataset& dataset, const SampleIndex& index, uint64_t sample,
                              SampleTokens* out);

}  // namespace grouter

#endif  // GROUTER_DATA_SAMPLE_TOKENS_H_
