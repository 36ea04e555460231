#include "routing/planning/grouping/union_count.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace grouter {
namespace {

#if defined(__x86_64__)
__attribute__((target("popcnt"))) uint64_t CountWithPopcnt(const uint64_t* once, const uint64_t* twice,
                                                           const uint64_t* removed, const uint64_t* added,
                                                           size_t words) {
  uint64_t count = 0;
  for (size_t i = 0; i < words; ++i) {
    count += static_cast<uint64_t>(__builtin_popcountll((once[i] & ~(removed[i] & ~twice[i])) | added[i]));
  }
  return count;
}

__attribute__((target("avx512f,avx512vpopcntdq"))) uint64_t CountWithAvx512(const uint64_t* once,
                                                                            const uint64_t* twice,
                                                                            const uint64_t* removed,
                                                                            const uint64_t* added,
                                                                            size_t words) {
  __m512i sum = _mm512_setzero_si512();
  for (size_t i = 0; i < words; i += 8) {
    const __mmask8 mask = words - i >= 8 ? __mmask8{0xff} : static_cast<__mmask8>((1u << (words - i)) - 1u);
    const __m512i o = _mm512_maskz_loadu_epi64(mask, once + i);
    const __m512i t = _mm512_maskz_loadu_epi64(mask, twice + i);
    const __m512i r = _mm512_maskz_loadu_epi64(mask, removed + i);
    const __m512i a = _mm512_maskz_loadu_epi64(mask, added + i);
    sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64((o & ~(r & ~t)) | a));
  }
  uint64_t lanes[8], count = 0;
  _mm512_storeu_si512(lanes, sum);
  for (uint64_t lane : lanes) count += lane;
  return count;
}
#endif

}  // namespace

uint64_t UnionCountPortable(const uint64_t* once, const uint64_t* twice, const uint64_t* removed,
                            const uint64_t* added, size_t words) {
  uint64_t count = 0;
  for (size_t i = 0; i < words; ++i) {
    uint64_t x = (once[i] & ~(removed[i] & ~twice[i])) | added[i];
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    count += x * 0x0101010101010101u >> 56;
  }
  return count;
}

UnionCount UnionCountPopcnt() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return CountWithPopcnt;
#endif
  return nullptr;
}

UnionCount UnionCountAvx512() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq")) return CountWithAvx512;
#endif
  return nullptr;
}

UnionCount BestUnionCount() {
  if (UnionCountAvx512() != nullptr) return UnionCountAvx512();
  if (UnionCountPopcnt() != nullptr) return UnionCountPopcnt();
  return UnionCountPortable;
}

}  // namespace grouter
