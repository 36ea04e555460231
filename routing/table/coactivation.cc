#include "routing/table/coactivation.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace grouter {
namespace {

constexpr uint32_t kWords = 8;  // of 64 tokens

bool HasVectorPopcount() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
#else
  return false;
#endif
}

#if defined(__x86_64__)
// matrix[a][b] += tokens with both, for b >= a.
__attribute__((target("avx512f,avx512vpopcntdq"))) void CountWords(const uint64_t* active,
                                                                   uint32_t num_experts, uint32_t stride,
                                                                   uint64_t* matrix, uint32_t* load) {
  for (uint32_t a = 0; a < num_experts; ++a) {
    __m512i row[kWords];
    uint64_t selections = 0;
    for (uint32_t w = 0; w < kWords; ++w) {
      const uint64_t bits = active[w * stride + a];
      row[w] = _mm512_set1_epi64(static_cast<int64_t>(bits));
      selections += static_cast<uint64_t>(__builtin_popcountll(bits));
    }
    if (selections == 0) continue;
    load[a] += static_cast<uint32_t>(selections);
    for (uint32_t b = a & ~7u; b < stride; b += 8) {
      __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
      for (uint32_t w = 0; w < kWords; w += 2) {
        even = _mm512_add_epi64(
            even, _mm512_popcnt_epi64(_mm512_and_si512(row[w], _mm512_loadu_si512(active + w * stride + b))));
        odd = _mm512_add_epi64(odd, _mm512_popcnt_epi64(_mm512_and_si512(
                                        row[w + 1], _mm512_loadu_si512(active + (w + 1) * stride + b))));
      }
      // In a's own vector the experts before it have counted the pair already.
      const __mmask8 counted = b < a ? static_cast<__mmask8>(0xff << (a % 8)) : static_cast<__mmask8>(0xff);
      uint64_t* out = matrix + uint64_t{a} * stride + b;
      const __m512i sum = _mm512_maskz_add_epi64(counted, even, odd);
      _mm512_storeu_si512(out, _mm512_add_epi64(_mm512_loadu_si512(out), sum));
    }
  }
}
#else
void CountWords(const uint64_t*, uint32_t, uint32_t, uint64_t*, uint32_t*) {}
#endif

}  // namespace

CoactivationCounter::CoactivationCounter(uint32_t num_experts, Path path)
    : num_experts_(num_experts),
      stride_((num_experts + 7) & ~7u),
      vectors_(path == Path::kBest && HasVectorPopcount()),
      matrix_(uint64_t{num_experts} * stride_) {
  if (vectors_) active_.resize(uint64_t{kWords} * stride_);
}

int64_t CoactivationCounter::Add(const RouteView& routes, uint32_t* load) {
  if (routes.k == 0) return -1;
  // Vectors cost E^2 / 2 a block of 512 tokens, portable code k^2 / 2 a token.
  const bool vectors = vectors_ && uint64_t{num_experts_} * num_experts_ <= 600 * routes.k * (routes.k - 1);
  if (routes.id_width == 1)
    return vectors ? AddVectors<uint8_t>(routes, load) : AddPortable<uint8_t>(routes, load);
  return vectors ? AddVectors<uint16_t>(routes, load) : AddPortable<uint16_t>(routes, load);
}

template <typename Id>
int64_t CoactivationCounter::AddPortable(const RouteView& routes, uint32_t* load) {
  const bool all_present = routes.missing.empty() && routes.num_topk.empty();
  for (uint32_t t = 0; t < routes.num_tokens; ++t) {
    Id ids[16];
    std::memcpy(ids, routes.ids.data() + size_t{t} * routes.k * sizeof(Id), routes.k * sizeof(Id));
    const uint32_t k = all_present ? routes.k : routes.NumTopk(t);
    bool twice = false;
    for (uint32_t i = 0; i < k; ++i) {
      ++load[ids[i]];
      uint64_t* row = &matrix_[uint64_t{ids[i]} * stride_];
      for (uint32_t j = i + 1; j < k; ++j) {
        ++row[ids[j]];
        twice |= ids[i] == ids[j];
      }
    }
    if (twice) return t;
  }
  return -1;
}

template <typename Id>
int64_t CoactivationCounter::AddVectors(const RouteView& routes, uint32_t* load) {
  const bool all_present = routes.missing.empty() && routes.num_topk.empty();
  for (uint32_t begin = 0; begin < routes.num_tokens; begin += 64 * kWords) {
    const uint32_t end = std::min(routes.num_tokens, begin + 64 * kWords);
    std::fill(active_.begin(), active_.end(), 0);
    for (uint32_t t = begin; t < end; ++t) {
      Id ids[16];
      std::memcpy(ids, routes.ids.data() + size_t{t} * routes.k * sizeof(Id), routes.k * sizeof(Id));
      const uint32_t k = all_present ? routes.k : routes.NumTopk(t);
      uint64_t* word = &active_[uint64_t{(t - begin) / 64} * stride_];
      const uint64_t bit = uint64_t{1} << (t - begin) % 64;
      uint64_t twice = 0;
      for (uint32_t i = 0; i < k; ++i) {
        twice |= word[ids[i]] & bit;
        word[ids[i]] |= bit;
      }
      if (twice != 0) return t;
    }
    CountWords(active_.data(), num_experts_, stride_, matrix_.data(), load);
  }
  return -1;
}

uint64_t CoactivationCounter::count(uint32_t a, uint32_t b) const {
  return matrix_[uint64_t{a} * stride_ + b] + matrix_[uint64_t{b} * stride_ + a];
}

}  // namespace grouter
