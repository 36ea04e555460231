// Which part of a batch one trainer rank works on: the samples of its data-parallel rank and micro-batch, the
// tokens of its context- and sequence-parallel rank. Pure functions.
//
// Source: Megatron-Core's get_batch_on_this_cp_rank (a sequence in 2C pieces, rank r takes r and 2C - 1 - r,
// so that causal attention is balanced) and its sequence parallelism (equal parts by tensor parallel rank).
#ifndef GROUTER_ROUTING_TABLE_EXCHANGE_PARALLEL_SLICE_H_
#define GROUTER_ROUTING_TABLE_EXCHANGE_PARALLEL_SLICE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace grouter {

// [first, first + count) of `n` things dealt in order to `size` takers: floor(n r / size) to
// floor(n (r + 1) / size). Every thing goes to exactly one.
struct EvenShare {
  uint64_t first = 0;
  uint64_t count = 0;
};
// REQUIRES: rank < size.
EvenShare ShareOf(uint64_t n, uint32_t rank, uint32_t size);

struct TokenSplit {
  uint32_t context_rank = 0, context_size = 1;
  uint32_t sequence_rank = 0, sequence_size = 1;
  uint32_t pad_multiple = 0;  // 0: the least that divides, LeastPadMultiple
};

// 2 C T, or T where C is 1.
uint64_t LeastPadMultiple(const TokenSplit& split);
// INVALID_ARGUMENT naming what is wrong: a rank past its size, a size of 0 or above 65,536, a pad_multiple
// that the least one does not divide.
absl::Status CheckTokenSplit(const TokenSplit& split);

// Tokens [first, first + count) of the sample, at [local, local + count) of the rank's own.
struct LocalPiece {
  uint32_t first = 0;
  uint32_t count = 0;
  uint32_t local = 0;
};
struct LocalTokens {
  uint32_t num_tokens = 0;         // the rank's, padding included
  std::vector<LocalPiece> pieces;  // at most two, ascending, none empty, without padding
};
// Of a sample of `length` tokens. REQUIRES: CheckTokenSplit(split).ok(), length < 2^31.
LocalTokens TokensOf(uint32_t length, const TokenSplit& split);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_EXCHANGE_PARALLEL_SLICE_H_
