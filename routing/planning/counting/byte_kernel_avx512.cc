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
  const __m512i straight = _mm512_mask_blend_epi32(0xAAAA, a, b);
  const __m512i crossed = _mm512_mask_blend_epi32(0xAAAA, b, a);
  return _mm512_or_si512(straight, _mm512_rol_epi64(crossed, 32));
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

template <uint32_t kK, bool kShort>
void Count(const ByteRun& run, uint32_t* counts) {
  using Vector = uint64_t __attribute__((vector_size(64)));
  __m512i table[4];
  for (uint32_t i = 0; i < 4; ++i) table[i] = _mm512_loadu_si512(run.table + 64 * i);
  const auto masks = [&](const uint8_t* ids) {
    const auto entries = [&](uint32_t i) {
      const __m512i some = _mm512_loadu_si512(ids + 64 * i);
      const __mmask64 upper = _mm512_movepi8_mask(some);
      if (kShort) return _mm512_maskz_permutex2var_epi8(~upper, table[0], some, table[1]);
      const __m512i low = _mm512_permutex2var_epi8(table[0], some, table[1]);
      const __m512i high = _mm512_permutex2var_epi8(table[2], some, table[3]);
      return _mm512_mask_blend_epi8(upper, low, high);
    };
    __m512i dwords[4];
    for (uint32_t i = 0; i < 4; ++i) {
      dwords[i] = kK == 8 ? FoldQwords(entries(2 * i), entries(2 * i + 1)) : entries(i);
    }
    const __m512i bytes = FoldWords(FoldDwords(dwords[0], dwords[1]), FoldDwords(dwords[2], dwords[3]));
    return reinterpret_cast<Vector>(bytes);
  };
  CountByteVectors<Vector, kK>(run, masks, counts);
}

}  // namespace

void CountBytesAvx512(const ByteRun& run, uint32_t* counts) {
  if (run.k == 8) {
    run.short_table ? Count<8, true>(run, counts) : Count<8, false>(run, counts);
  } else {
    run.short_table ? Count<4, true>(run, counts) : Count<4, false>(run, counts);
  }
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
