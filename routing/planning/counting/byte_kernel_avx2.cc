// Compiled for AVX2; called only where BestInstructionSet says so.
#include "routing/planning/counting/byte_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,popcnt")
#endif

namespace grouter {
namespace {

#include "routing/planning/counting/byte_kernel-inl.h"

// A table of 128 bytes as the differences of its eight rows of 16. A byte shuffle gives 0 for an index with
// its top bit set, and looks at the low four bits else; so going down from the id by 16 a row, the
// differences up to the id's own row add up (by exclusive or) to the entry.
struct Rows {
  __m256i difference[8];

  explicit Rows(const uint8_t* table) {
    __m128i before = _mm_setzero_si128();
    for (int r = 0; r < 8; ++r) {
      const __m128i row = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table) + r);
      difference[r] = _mm256_broadcastsi128_si256(_mm_xor_si128(row, before));
      before = row;
    }
  }
  // Ids from 128 on have no entry: as 255 they keep their top bit all the way down.
  __m256i LookUp(__m256i ids) const {
    const __m256i sixteen = _mm256_set1_epi8(16);
    ids = _mm256_or_si256(ids, _mm256_cmpgt_epi8(_mm256_setzero_si256(), ids));
    __m256i found = _mm256_shuffle_epi8(difference[0], ids);
    for (int r = 1; r < 8; ++r) {
      ids = _mm256_sub_epi8(ids, sixteen);
      found = _mm256_xor_si256(found, _mm256_shuffle_epi8(difference[r], ids));
    }
    return found;
  }
};

__m256i LookUpLong(const Rows& low, const Rows& high, __m256i ids) {
  return _mm256_or_si256(low.LookUp(ids), high.LookUp(_mm256_xor_si256(ids, _mm256_set1_epi8(-128))));
}

// Each ors the halves of a lane's elements and puts two vectors' results into one.
__m256i FoldQwords(__m256i a, __m256i b) {
  const __m256i straight = _mm256_blend_epi32(a, b, 0xAA);
  const __m256i crossed = _mm256_blend_epi32(b, a, 0xAA);
  return _mm256_or_si256(straight, _mm256_shuffle_epi32(crossed, 0xB1));
}
__m256i FoldDwords(__m256i a, __m256i b) {
  return _mm256_blend_epi16(_mm256_or_si256(a, _mm256_srli_epi32(a, 16)),
                            _mm256_or_si256(b, _mm256_slli_epi32(b, 16)), 0xAA);
}
__m256i FoldWords(__m256i a, __m256i b) {
  const __m256i low = _mm256_set1_epi16(0xFF);
  return _mm256_or_si256(_mm256_and_si256(low, _mm256_or_si256(a, _mm256_srli_epi16(a, 8))),
                         _mm256_andnot_si256(low, _mm256_or_si256(b, _mm256_slli_epi16(b, 8))));
}

template <uint32_t kK, bool kShort>
void Count(const ByteRun& run, uint32_t* counts) {
  using Vector = uint64_t __attribute__((vector_size(32)));
  const Rows low(run.table), high(run.table + 128);
  const auto masks = [&](const uint8_t* ids) {
    const auto entries = [&](uint32_t i) {
      const __m256i some = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ids) + i);
      return kShort ? low.LookUp(some) : LookUpLong(low, high, some);
    };
    __m256i dwords[4];
    for (uint32_t i = 0; i < 4; ++i) {
      dwords[i] = kK == 8 ? FoldQwords(entries(2 * i), entries(2 * i + 1)) : entries(i);
    }
    const __m256i bytes = FoldWords(FoldDwords(dwords[0], dwords[1]), FoldDwords(dwords[2], dwords[3]));
    return reinterpret_cast<Vector>(bytes);
  };
  CountByteVectors<Vector, kK>(run, masks, counts);
}

}  // namespace

void CountBytesAvx2(const ByteRun& run, uint32_t* counts) {
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
void CountBytesAvx2(const ByteRun& run, uint32_t* counts) { CountBytesPortable(run, counts); }
}  // namespace grouter

#endif
