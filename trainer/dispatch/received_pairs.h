// Sorting of received rows by slot: what lies between dispatch and the experts' matrix products.
#ifndef GROUTER_TRAINER_DISPATCH_RECEIVED_PAIRS_H_
#define GROUTER_TRAINER_DISPATCH_RECEIVED_PAIRS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace grouter {

// The pairs of received rows, ordered by slot, then by row (so by source rank, then as it sent them).
struct ReceivedPairs {
  std::vector<int32_t> row;          // [P] the row that carries the pair
  std::vector<int32_t> column;       // [P] row * row_pairs + place in the row: where its weight came
  std::vector<float> weight;         // [P]
  std::vector<uint32_t> first_pair;  // [local slots + 1]
};

// `notes` are the columns after the activations: row_pairs slots (as floats, -1: none), then row_pairs gate
// weights. INTERNAL when the rows do not carry the pairs that `pairs_per_slot` announces.
absl::StatusOr<ReceivedPairs> SortReceivedRows(const float* notes, uint64_t row_stride, uint32_t num_rows,
                                               uint32_t row_pairs, absl::Span<const uint32_t> pairs_per_slot);

}  // namespace grouter

#endif  // GROUTER_TRAINER_DISPATCH_RECEIVED_PAIRS_H_
