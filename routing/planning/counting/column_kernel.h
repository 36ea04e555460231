// The counting loops behind ColumnCounter, one per instruction set. All give the same counts.
#ifndef GROUTER_ROUTING_PLANNING_COUNTING_COLUMN_KERNEL_H_
#define GROUTER_ROUTING_PLANNING_COUNTING_COLUMN_KERNEL_H_

#include <cstdint>

namespace grouter {

// A run of tokens and the column bits of each expert. Nothing is owned.
struct ColumnRun {
  const void* ids = nullptr;          // num_tokens x k, u8 or u16, any alignment that memory allows
  const uint8_t* num_topk = nullptr;  // k_t per token, or nullptr: all k
  uint32_t k = 0;
  uint32_t num_tokens = 0;
  const uint64_t* rows = nullptr;  // [num_rows][words]; ids past the end use the last row
  uint32_t num_rows = 0;
  uint32_t words = 0;  // a multiple of 4
};

enum class InstructionSet : uint8_t { kPortable = 0, kAvx2 = 1, kAvx512 = 2 };
// The best this processor has.
InstructionSet BestInstructionSet();

// counts[column] += tokens of the run that have the column's bit in one of their experts' rows.
void CountColumnsPortable(const ColumnRun& run, uint32_t id_width, uint32_t* counts);
void CountColumnsAvx2(const ColumnRun& run, uint32_t id_width, uint32_t* counts);
void CountColumnsAvx512(const ColumnRun& run, uint32_t id_width, uint32_t* counts);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_COUNTING_COLUMN_KERNEL_H_
