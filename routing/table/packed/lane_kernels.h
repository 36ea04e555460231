// Whole rows of 64 tokens with AVX-512 VBMI. Called by lane_coder.cc where the processor has it. And how a
// part of a source is compiled for it whatever the build asks for: between GROUTER_BEGIN_AVX512 and
// GROUTER_END_AVX512.
#ifndef GROUTER_ROUTING_TABLE_PACKED_LANE_KERNELS_H_
#define GROUTER_ROUTING_TABLE_PACKED_LANE_KERNELS_H_

#include <cstdint>

#include "routing/table/packed/lane_coder.h"

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#define GROUTER_BEGIN_AVX512                                                                           \
  _Pragma(                                                                                             \
      "clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2," \
      "avx512dq,popcnt,bmi2\"))), apply_to = function)")
#define GROUTER_END_AVX512 _Pragma("clang attribute pop")
#else
#define GROUTER_BEGIN_AVX512  \
  _Pragma("GCC push_options") \
      _Pragma("GCC target(\"avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx512dq,popcnt,bmi2\")")
#define GROUTER_END_AVX512 _Pragma("GCC pop_options")
#endif
#endif

namespace grouter {

// REQUIRES: stream->lanes == 64 and 64 x rows + 64 readable bytes from stream->next.
void DecodeRowsAvx512(const SlotTable& table, uint32_t rows, LaneStream* stream, uint8_t* out);
void DecodeRowPairsAvx512(const SlotTable& table_a, LaneStream* a, uint8_t* out_a, const SlotTable& table_b,
                          LaneStream* b, uint8_t* out_b, uint32_t rows);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_LANE_KERNELS_H_
