// The counting loops for few columns: with at most sixteen columns and one-byte ids, an expert's columns are
// one or two bytes in a table, and a token's are the or of its experts' bytes, looked up in vector registers.
// What is left is reading the ids. All instruction sets give the same counts.
#ifndef GROUTER_ROUTING_PLANNING_COUNTING_BYTE_KERNEL_H_
#define GROUTER_ROUTING_PLANNING_COUNTING_BYTE_KERNEL_H_

#include <cstdint>

namespace grouter {

// A run of tokens that all have k experts. Nothing is owned.
struct ByteRun {
  const uint8_t* ids = nullptr;  // [num_tokens][k]
  uint32_t k = 0;                // 4 or 8
  uint32_t num_tokens = 0;
  const uint8_t* tables = nullptr;  // [num_tables][256] columns of each expert, a bit each
  uint32_t num_tables = 1;          // 1 or 2
  bool short_table = false;         // ids from 128 on have no columns
};

// Whether a run of this k can be counted so.
inline bool ByteKernelTakes(uint32_t k) { return k == 4 || k == 8; }
// Whether this processor runs the AVX-512 form (it needs byte permutes).
bool HasBytePermutes();

// counts[8 * table + column] += tokens of the run with that column's bit in one of their experts' bytes; 8
// columns a table.
void CountBytesPortable(const ByteRun& run, uint32_t* counts);
void CountBytesAvx2(const ByteRun& run, uint32_t* counts);
void CountBytesAvx512(const ByteRun& run, uint32_t* counts);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_COUNTING_BYTE_KERNEL_H_
