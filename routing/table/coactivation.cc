#include "routing/table/coactivation.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace grouter {
namespace {

constexpr uint64_t kMostRecentTokens = uint64_t{1} << 20;
constexpr uint32_t kBitmapTokens = 4096;
constexpr uint32_t kBitmapLines = kBitmapTokens / 512, kLinesApart = kBitmapLines + 1;
constexpr uint32_t kBlock = 4;  // experts whose bitmaps are compared with as many others at once

bool CountsBitsSideBySide() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
#else
  return false;
#endif
}

// A token costs about E^2 / 550 cycles by bitmaps, 2.8 a pair (selections included) by increments.
bool BitmapsPay(uint32_t num_experts, uint32_t k) {
  return num_experts <= 256 && uint64_t{num_experts} * num_experts < uint64_t{700} * k * (k + 1);
}

#if defined(__x86_64__)
#define GROUTER_BITS __attribute__((target("avx512f,avx512vl,avx512vpopcntdq")))

// Sums of four counters' lanes.
GROUTER_BITS inline __m128i Sums(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  const __m512i cd = _mm512_add_epi64(_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
  const __m512i low = _mm512_castps_si512(
      _mm512_shuffle_ps(_mm512_castsi512_ps(ab), _mm512_castsi512_ps(cd), 0x88));  // their low 32 bits
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(low), _mm512_extracti64x4_epi64(low, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// common[i][j] = bits that bitmaps a + i and b + j have in common.
GROUTER_BITS void CommonBits(const void* bitmaps, uint32_t a, uint32_t b, uint32_t (*common)[kBlock]) {
  const auto* lines = static_cast<const __m512i*>(bitmaps);
  const __m512i* rows = lines + size_t{a} * kLinesApart;
  const __m512i* columns = lines + size_t{b} * kLinesApart;
  __m512i counts[kBlock][kBlock];
  for (uint32_t i = 0; i < kBlock; ++i) {
    for (uint32_t j = 0; j < kBlock; ++j) counts[i][j] = _mm512_setzero_si512();
  }
  for (uint32_t line = 0; line < kBitmapLines; ++line) {
    __m512i column[kBlock];
    for (uint32_t j = 0; j < kBlock; ++j) column[j] = _mm512_load_si512(columns + j * kLinesApart + line);
    for (uint32_t i = 0; i < kBlock; ++i) {
      const __m512i row = _mm512_load_si512(rows + i * kLinesApart + line);
      for (uint32_t j = 0; j < kBlock; ++j) {
        counts[i][j] = _mm512_add_epi64(counts[i][j], _mm512_popcnt_epi64(_mm512_and_si512(row, column[j])));
      }
    }
  }
  for (uint32_t i = 0; i < kBlock; ++i) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(common[i]),
                     Sums(counts[i][0], counts[i][1], counts[i][2], counts[i][3]));
  }
}
#else
void CommonBits(const void*, uint32_t, uint32_t, uint32_t (*)[kBlock]) {}
#endif

template <uint32_t k>
void SetTokenBits(const char* ids, uint32_t count, uint64_t* words) {
  for (uint32_t t = 0; t < count; ++t, ids += k) {
    const uint64_t bit = uint64_t{1} << (t % 64);
    uint64_t* const here = words + t / 64;
    for (uint32_t i = 0; i < k; ++i) here[size_t{8} * kLinesApart * static_cast<uint8_t>(ids[i])] |= bit;
  }
}

int64_t FirstTokenWithAnExpertTwice(const RouteView& routes) {
  for (uint32_t t = 0; t < routes.num_tokens; ++t) {
    const uint32_t k = routes.NumTopk(t);
    for (uint32_t i = 0; i < k; ++i) {
      for (uint32_t j = 0; j < i; ++j) {
        if (routes.Id(t, i) == routes.Id(t, j)) return t;
      }
    }
  }
  return -1;
}

// The k ids at `ids`, each a load of its own: counting is bound by stores, not by loads.
template <typename Id>
inline uint32_t LoadId(const char* ids, uint32_t i) {
  Id id;
  std::memcpy(&id, ids + i * sizeof(Id), sizeof(Id));
  return id;
}

}  // namespace

CoactivationCounter::CoactivationCounter(uint32_t num_experts, CoactivationPath path)
    : num_experts_(num_experts),
      recent_(uint64_t{num_experts} * num_experts),
      total_(uint64_t{num_experts} * num_experts),
      by_bits_(path == CoactivationPath::kBest && num_experts <= 256 && CountsBitsSideBySide()) {
  if (by_bits_) bits_.resize((num_experts + kBlock - 1) / kBlock * kBlock * size_t{kLinesApart});
}

int64_t CoactivationCounter::Add(const RouteView& routes, uint32_t* load) {
  if (routes.k == 0) return -1;
  if (recent_tokens_ + routes.num_tokens > kMostRecentTokens) MoveToTotal();
  recent_tokens_ += routes.num_tokens;
  if (by_bits_ && routes.id_width == 1 && BitmapsPay(num_experts_, routes.k))
    return AddByBits(routes, load) ? -1 : FirstTokenWithAnExpertTwice(routes);
  if (routes.id_width == 1) {
    AddTokens<uint8_t>(routes, load);
  } else {
    AddTokens<uint16_t>(routes, load);
  }
  uint32_t twice = 0;
  for (uint64_t e = 0; e < num_experts_; ++e) twice |= recent_[e * (num_experts_ + 1)];
  return twice == 0 ? -1 : FirstTokenWithAnExpertTwice(routes);
}

bool CoactivationCounter::AddByBits(const RouteView& routes, uint32_t* load) {
  uint64_t selections = 0, bits = 0;
  for (uint32_t begin = 0; begin < routes.num_tokens; begin += kBitmapTokens) {
    std::memset(static_cast<void*>(bits_.data()), 0, bits_.size() * sizeof(Line));
    selections += SetBits(routes, begin, std::min(routes.num_tokens, begin + kBitmapTokens));
    for (uint32_t a = 0; a < num_experts_; a += kBlock) {
      for (uint32_t b = a; b < num_experts_; b += kBlock) {
        uint32_t common[kBlock][kBlock];
        CommonBits(bits_.data(), a, b, common);
        if (a != b && b + kBlock <= num_experts_) {
          for (uint32_t i = 0; i < kBlock; ++i) {
            uint32_t* const row = &recent_[uint64_t{a + i} * num_experts_ + b];
            for (uint32_t j = 0; j < kBlock; ++j) row[j] += common[i][j];
          }
          continue;
        }
        for (uint32_t i = 0; i < kBlock && a + i < num_experts_; ++i) {
          if (a == b) load[a + i] += common[i][i], bits += common[i][i];
          for (uint32_t j = a == b ? i + 1 : 0; j < kBlock && b + j < num_experts_; ++j)
            recent_[uint64_t{a + i} * num_experts_ + b + j] += common[i][j];
        }
      }
    }
  }
  return bits == selections;
}

uint64_t CoactivationCounter::SetBits(const RouteView& routes, uint32_t begin, uint32_t end) {
  uint64_t* const words = bits_[0].words;
  const uint32_t count = end - begin;
  const char* ids = routes.ids.data() + size_t{begin} * routes.k;
  if (routes.missing.empty() && routes.num_topk.empty() && (routes.k == 4 || routes.k == 8)) {
    if (routes.k == 4) {
      SetTokenBits<4>(ids, count, words);
    } else {
      SetTokenBits<8>(ids, count, words);
    }
    return uint64_t{count} * routes.k;
  }
  uint64_t selections = 0;
  for (uint32_t t = 0; t < count; ++t, ids += routes.k) {
    const uint32_t k = routes.NumTopk(begin + t);
    selections += k;
    for (uint32_t i = 0; i < k; ++i)
      words[size_t{8} * kLinesApart * static_cast<uint8_t>(ids[i]) + t / 64] |= uint64_t{1} << (t % 64);
  }
  return selections;
}

template <typename Id>
void CoactivationCounter::AddTokens(const RouteView& routes, uint32_t* load) {
  if (!routes.missing.empty() || !routes.num_topk.empty()) return AddSomeTokens<Id>(routes, load);
  switch (routes.k) {
    case 2:
      return AddFullTokens<Id, 2>(routes, load);
    case 4:
      return AddFullTokens<Id, 4>(routes, load);
    case 6:
      return AddFullTokens<Id, 6>(routes, load);
    case 8:
      return AddFullTokens<Id, 8>(routes, load);
    default:
      return AddSomeTokens<Id>(routes, load);
  }
}

template <typename Id, uint32_t k>
void CoactivationCounter::AddFullTokens(const RouteView& routes, uint32_t* load) {
  uint32_t* const recent = recent_.data();
  const uint64_t stride = num_experts_;
  const char* at = routes.ids.data();
  for (uint32_t t = 0; t < routes.num_tokens; ++t, at += k * sizeof(Id)) {
    uint32_t ids[k];
    for (uint32_t i = 0; i < k; ++i) ids[i] = LoadId<Id>(at, i);
    for (uint32_t i = 0; i < k; ++i) {
      ++load[ids[i]];
      uint32_t* const row = recent + ids[i] * stride;
      for (uint32_t j = i + 1; j < k; ++j) ++row[ids[j]];
    }
  }
}

template <typename Id>
void CoactivationCounter::AddSomeTokens(const RouteView& routes, uint32_t* load) {
  const char* at = routes.ids.data();
  for (uint32_t t = 0; t < routes.num_tokens; ++t, at += routes.k * sizeof(Id)) {
    const uint32_t k = routes.NumTopk(t);
    for (uint32_t i = 0; i < k; ++i) {
      const uint32_t id = LoadId<Id>(at, i);
      ++load[id];
      uint32_t* const row = &recent_[uint64_t{id} * num_experts_];
      for (uint32_t j = i + 1; j < k; ++j) ++row[LoadId<Id>(at, j)];
    }
  }
}

void CoactivationCounter::MoveToTotal() {
  for (size_t i = 0; i < recent_.size(); ++i) {
    total_[i] += recent_[i];
    recent_[i] = 0;
  }
  recent_tokens_ = 0;
}

uint64_t CoactivationCounter::count(uint32_t a, uint32_t b) const {
  const uint64_t ab = uint64_t{a} * num_experts_ + b, ba = uint64_t{b} * num_experts_ + a;
  return total_[ab] + recent_[ab] + total_[ba] + recent_[ba];
}

}  // namespace grouter
