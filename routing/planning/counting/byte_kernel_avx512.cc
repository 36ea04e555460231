// Compiled for AVX-512 with byte permutes; called only where HasBytePermutes says so.
#include "routing/planning/counting/byte_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,popcnt"))), \
                             apply_to = function)
#else
// GCC's own header says "undefined" by initialising a variable with itself.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")
#endif

namespace grouter {
namespace {

#include "routing/planning/counting/byte_kernel-inl.h"

// Each ors the halves of a lane's elements and puts two vectors' results into one.
__m512i FoldQwords(__m512i a, __m512i b) {
  const __m512 x = _mm512_castsi512_ps(a), y = _mm512_castsi512_ps(b);
  return _mm512_or_si512(_mm512_castps_si512(_mm512_shuffle_ps(x, y, 0x88)),
                         _mm512_castps_si512(_mm512_shuffle_ps(x, y, 0xDD)));
}
__m512i FoldDwords(__m512i a, __m512i b) {
  const __m512i straight = _mm512_mask_blend_epi16(0xAAAAAAAA, a, b);
  const __m512i crossed = _mm512_mask_blend_epi16(0xAAAAAAAA, b, a);
  return _mm512_or_si512(straight, _mm512_rol_epi32(crossed, 16));
}
__m512i FoldWords(__m512i a, __m512i b) {
  const __mmask64 odd = 0xAAAAAAAAAAAAAAAA;
  const __m512i straight = _mm512_mask_blend_epi8(odd, a, b);
  const __m512i crossed = _mm512_mask_blend_epi8(odd, b, a);
  return _mm512_ternarylogic_epi64(straight, _mm512_srli_epi16(crossed, 8), _mm512_slli_epi16(crossed, 8),
                                   0xFE);
}

template <uint32_t kK, uint32_t kTables, bool kShort>
void Count(const ByteRun& run, uint32_t* counts) {
  using Vector = uint64_t __attribute__((vector_size(64)));
  __m512i rows[kTables][4];
#pragma GCC unroll 8
  for (uint32_t i = 0; i < 4 * kTables; ++i) rows[i / 4][i % 4] = _mm512_loadu_si512(run.tables + 64 * i);
  const auto masks = [&](const uint8_t* ids, Vector* bytes) __attribute__((always_inline)) {
    __m512i entries[kTables][kK];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kK; ++i) {
      const __m512i some = _mm512_loadu_si512(ids + 64 * i);
      const __mmask64 lower = _mm512_testn_epi8_mask(some, _mm512_set1_epi8(-128));
#pragma GCC unroll 8
      for (uint32_t t = 0; t < kTables; ++t) {
        const __m512i* row = rows[t];
        entries[t][i] = kShort ? _mm512_maskz_permutex2var_epi8(lower, row[0], some, row[1])
                               : _mm512_mask_blend_epi8(lower, _mm512_permutex2var_epi8(row[2], some, row[3]),
                                                        _mm512_permutex2var_epi8(row[0], some, row[1]));
      }
    }
#pragma GCC unroll 8
    for (uint32_t t = 0; t < kTables; ++t) {
      __m512i dwords[4];
#pragma GCC unroll 8
      for (uint32_t i = 0; i < 4; ++i) {
        if constexpr (kK == 8) {
          dwords[i] = FoldQwords(entries[t][2 * i], entries[t][2 * i + 1]);
        } else {
          dwords[i] = entries[t][i];
        }
      }
      bytes[t] = reinterpret_cast<Vector>(
          FoldWords(FoldDwords(dwords[0], dwords[1]), FoldDwords(dwords[2], dwords[3])));
    }
  };
  CountByteVectors<Vector, kK, kTables>(run, masks, counts);
}

}  // namespace

void CountBytesAvx512(const ByteRun& run, uint32_t* counts) {
  WithByteShape(run, [&](auto k, auto tables, auto is_short) {
    Count<decltype(k)::value, decltype(tables)::value, decltype(is_short)::value == 1>(run, counts);
  });
}

}  // namespace grouter

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace grouter {
void CountBytesAvx512(const ByteRun& run, uint32_t* counts) { CountBytesPortable(run, counts); }
}  // namespace grouter

#endif
