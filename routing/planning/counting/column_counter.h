// Counts, for a run of tokens, how many have at least one expert with a given property: "is expert e", "is on
// rank r", "is on node n". Each property is a column; an expert has a set of columns. O(tokens), whatever the
// number of columns, up to a few hundred.
#ifndef GROUTER_ROUTING_PLANNING_COUNTING_COLUMN_COUNTER_H_
#define GROUTER_ROUTING_PLANNING_COUNTING_COLUMN_COUNTER_H_

#include <cstdint>
#include <vector>

#include "routing/planning/counting/byte_kernel.h"
#include "routing/planning/counting/column_kernel.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Immutable once made; thread-safe.
class ColumnCounter {
 public:
  // `columns_of_expert`[expert] lists columns below `num_columns`.
  ColumnCounter(uint32_t num_columns, const std::vector<std::vector<uint32_t>>& columns_of_expert,
                InstructionSet instructions = BestInstructionSet());

  uint32_t num_columns() const { return num_columns_; }
  // Room a caller's `counts` needs: num_columns() rounded up.
  uint32_t num_counts() const {
    return bytes_.empty() ? words_ * 64 : static_cast<uint32_t>(bytes_.size() / 32);
  }
  // Adds to counts[num_counts()] the tokens [first, first + num_tokens) of `view`. An id past the last expert
  // has no columns: with a column per expert, counts that do not add up to the pairs give it away.
  // REQUIRES: the tokens lie within the view.
  void Count(const RouteView& view, uint32_t first, uint32_t num_tokens, uint32_t* counts) const;

 private:
  // Whether every token of `view` has k experts with one-byte ids and the few columns fit the byte kernels.
  bool TakesBytes(const RouteView& view) const {
    return !bytes_.empty() && view.id_width == 1 && ByteKernelTakes(view.k) && view.missing.empty() &&
           view.num_topk.empty();
  }
  void CountBytes(const RouteView& view, uint32_t first, uint32_t num_tokens, uint32_t* counts) const;
  void CountByStamps(const RouteView& view, uint32_t first, uint32_t num_tokens, uint32_t* counts) const;

  uint32_t num_columns_;
  uint32_t num_experts_;
  uint32_t words_;
  InstructionSet instructions_;
  std::vector<uint64_t> rows_;
  std::vector<uint8_t> bytes_;          // [1 or 2][256] columns of each expert, or empty: too many
  std::vector<uint32_t> first_column_;  // [num_experts + 1] into columns_
  std::vector<uint32_t> columns_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_COUNTING_COLUMN_COUNTER_H_
