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
};

// Vectors of ids that are looked up together, so that a row is loaded once for them.
constexpr uint32_t kTogether = 4;

// A chain of differences or sums that the compiler turns into a tree needs more registers than there are.
__attribute__((always_inline)) inline void KeepOrder(__m256i* value) { __asm__("" : "+x"(*value)); }

// found[table][i]: the entries of ids[i], xor'ed to what is there. Ids from 128 on have none: as 255 they
// keep their top bit all the way down.
template <uint32_t kTables>
__attribute__((always_inline)) inline void LookUp(const Rows* rows, const __m256i* ids,
                                                  __m256i (*found)[kTogether]) {
  // Rows stay in memory: in registers they would push the ids out.
  __asm__ __volatile__("" : "+r"(rows));
  const __m256i sixteen = _mm256_set1_epi8(16);
  __m256i index[kTogether];
#pragma GCC unroll 8
  for (uint32_t i = 0; i < kTogether; ++i) {
    index[i] = _mm256_or_si256(ids[i], _mm256_cmpgt_epi8(_mm256_setzero_si256(), ids[i]));
  }
#pragma GCC unroll 8
  for (uint32_t r = 0; r < 8; ++r) {
#pragma GCC unroll 8
    for (uint32_t t = 0; t < kTables; ++t) {
      const __m256i row = rows[t].difference[r];
#pragma GCC unroll 8
      for (uint32_t i = 0; i < kTogether; ++i) {
        found[t][i] = _mm256_xor_si256(found[t][i], _mm256_shuffle_epi8(row, index[i]));
        KeepOrder(&found[t][i]);
      }
    }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kTogether; ++i) {
      index[i] = _mm256_sub_epi8(index[i], sixteen);
      KeepOrder(&index[i]);
    }
  }
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

template <uint32_t kK, uint32_t kTables, bool kShort>
void Count(const ByteRun& run, uint32_t* counts) {
  using Vector = uint64_t __attribute__((vector_size(32)));
  const Rows low[2] = {Rows(run.tables), Rows(run.tables + 256 * (kTables - 1))};
  const Rows high[2] = {Rows(run.tables + 128), Rows(run.tables + 256 * (kTables - 1) + 128)};
  const auto masks = [&](const uint8_t* ids, Vector* bytes) __attribute__((always_inline)) {
    __m256i dwords[kTables][4];
#pragma GCC unroll 8
    for (uint32_t first = 0; first < kK; first += kTogether) {
      __m256i some[kTogether], found[kTables][kTogether];
#pragma GCC unroll 8
      for (uint32_t i = 0; i < kTogether; ++i) {
        some[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ids) + first + i);
#pragma GCC unroll 8
        for (uint32_t t = 0; t < kTables; ++t) found[t][i] = _mm256_setzero_si256();
      }
      LookUp<kTables>(low, some, found);
      if (!kShort) {
#pragma GCC unroll 8
        for (uint32_t i = 0; i < kTogether; ++i) some[i] = _mm256_xor_si256(some[i], _mm256_set1_epi8(-128));
        LookUp<kTables>(high, some, found);
      }
#pragma GCC unroll 8
      for (uint32_t t = 0; t < kTables; ++t) {
#pragma GCC unroll 8
        for (uint32_t i = 0; i < kTogether; i += kK == 8 ? 2 : 1) {
          if constexpr (kK == 8) {
            dwords[t][(first + i) / 2] = FoldQwords(found[t][i], found[t][i + 1]);
          } else {
            dwords[t][i] = found[t][i];
          }
        }
      }
    }
#pragma GCC unroll 8
    for (uint32_t t = 0; t < kTables; ++t) {
      bytes[t] = reinterpret_cast<Vector>(
          FoldWords(FoldDwords(dwords[t][0], dwords[t][1]), FoldDwords(dwords[t][2], dwords[t][3])));
    }
  };
  CountByteVectors<Vector, kK, kTables>(run, masks, counts);
}

}  // namespace

void CountBytesAvx2(const ByteRun& run, uint32_t* counts) {
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
void CountBytesAvx2(const ByteRun& run, uint32_t* counts) { CountBytesPortable(run, counts); }
}  // namespace grouter

#endif
