// Whole rows of 64 tokens, for each LaneKernel. And how a part of a source is compiled for an instruction set
// whatever the build asks for: between GROUTER_BEGIN_AVX2 (GROUTER_BEGIN_AVX512) and GROUTER_END_TARGET.
#ifndef GROUTER_ROUTING_TABLE_PACKED_LANE_KERNELS_H_
#define GROUTER_ROUTING_TABLE_PACKED_LANE_KERNELS_H_

#include <cstdint>

#include "routing/table/packed/lane_coder.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A pragma from tokens: its string may not be put together from several.
#define GROUTER_PRAGMA(tokens) _Pragma(#tokens)
#define GROUTER_AVX2_FEATURES "avx2,popcnt"
#define GROUTER_AVX512_FEATURES "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx512dq,gfni,popcnt,bmi2"
#if defined(__clang__)
#define GROUTER_BEGIN_TARGET(features) \
  GROUTER_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define GROUTER_END_TARGET GROUTER_PRAGMA(clang attribute pop)
#else
#define GROUTER_BEGIN_TARGET(features) GROUTER_PRAGMA(GCC push_options) GROUTER_PRAGMA(GCC target(features))
#define GROUTER_END_TARGET GROUTER_PRAGMA(GCC pop_options)
#endif
#define GROUTER_BEGIN_AVX2 GROUTER_BEGIN_TARGET(GROUTER_AVX2_FEATURES)
#define GROUTER_BEGIN_AVX512 GROUTER_BEGIN_TARGET(GROUTER_AVX512_FEATURES)
#endif

namespace grouter {

// REQUIRES: the processor runs `kernel`, stream->lanes == 64 and 64 x rows + 64 readable bytes from
// stream->next.
void DecodeRows(LaneKernel kernel, const SlotTable& table, uint32_t rows, LaneStream* stream, uint8_t* out);
// Two streams row by row, which hides the latency of each.
void DecodeRowPairs(LaneKernel kernel, const SlotTable& table_a, LaneStream* a, uint8_t* out_a,
                    const SlotTable& table_b, LaneStream* b, uint8_t* out_b, uint32_t rows);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_LANE_KERNELS_H_
