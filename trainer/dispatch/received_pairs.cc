#include "trainer/dispatch/received_pairs.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

absl::StatusOr<ReceivedPairs> SortReceivedRows(const float* notes, uint64_t row_stride, uint32_t num_rows,
                                               uint32_t row_pairs,
                                               absl::Span<const uint32_t> pairs_per_slot) {
  ReceivedPairs pairs;
  pairs.first_pair.assign(1, 0);
  for (uint32_t count : pairs_per_slot) pairs.first_pair.push_back(pairs.first_pair.back() + count);
  const uint32_t total = pairs.first_pair.back();
  pairs.row.resize(total);
  pairs.column.resize(total);
  pairs.weight.resize(total);
  std::vector<uint32_t> next(pairs.first_pair.begin(), pairs.first_pair.end() - 1);
  const auto wrong = [&](uint32_t row) {
    return Error(absl::StatusCode::kInternal, "received rows do not carry the pairs that were announced",
                 absl::StrCat("row ", row, " of ", num_rows), "give all ranks plans of one job");
  };
  uint32_t placed = 0;
  for (uint32_t r = 0; r < num_rows; ++r) {
    const float* slots = notes + r * row_stride;
    for (uint32_t j = 0; j < row_pairs; ++j) {
      if (slots[j] < 0) continue;
      const auto slot = static_cast<uint32_t>(slots[j]);
      if (slot >= pairs_per_slot.size() || next[slot] == pairs.first_pair[slot + 1]) return wrong(r);
      const uint32_t at = next[slot]++;
      pairs.row[at] = static_cast<int32_t>(r);
      pairs.column[at] = static_cast<int32_t>(r * row_pairs + j);
      pairs.weight[at] = slots[row_pairs + j];
      ++placed;
    }
  }
  if (placed != total) return wrong(num_rows);
  return pairs;
}

}  // namespace grouter
