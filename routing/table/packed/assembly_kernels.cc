#include "routing/table/packed/assembly_kernels.h"

#include <cstring>

#include "routing/table/packed/lane_kernels.h"

namespace grouter {

namespace {

inline uint64_t Word(const void* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

// Eight bits to eight bytes of 0 or 1, the lowest bit first.
inline uint64_t SpreadBits(uint64_t bits) {
  const uint64_t masked = (bits & 255) * 0x0101010101010101u & 0x8040201008040201u;
  return (masked + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

void JoinPortable(const PlaneCode& code, const uint8_t* symbols, const char* low, uint32_t count,
                  uint16_t* values) {
  for (uint32_t i = 0; i < count; i += 64) {
    for (uint32_t t = 0; t < 64; ++t)
      values[i + t] = static_cast<uint16_t>(code.base + (symbols[i + t] << code.low_bits));
    for (uint32_t bit = code.low_bits; bit-- > 0; low += 8) {
      uint8_t bits[64];
      for (uint32_t t = 0; t < 8; ++t) {
        const uint64_t bytes = SpreadBits(static_cast<uint8_t>(low[t]));
        std::memcpy(bits + 8 * t, &bytes, 8);
      }
      for (uint32_t t = 0; t < 64; ++t)
        values[i + t] = static_cast<uint16_t>(values[i + t] + (bits[t] << bit));
    }
  }
}

void PutIds8Portable(const PlaneCode* codes, const uint8_t* const symbols[8], const char* const low[8],
                     const uint8_t* lists, const uint32_t* list_of, uint32_t count, uint8_t* ids) {
  uint8_t ranks[8][64];
  const char* next_low[8];
  for (int j = 0; j < 8; ++j) next_low[j] = low[j];
  for (uint32_t i = 0; i < count; i += 64) {
    for (int j = 0; j < 8; ++j) {
      for (uint32_t t = 0; t < 8; ++t) {
        uint64_t eight = Word(symbols[j] + i + 8 * t);
        for (uint32_t bit = 0; bit < codes[j].low_bits; ++bit)
          eight += eight + SpreadBits(static_cast<uint8_t>(next_low[j][8 * bit + t]));
        std::memcpy(ranks[j] + 8 * t, &eight, 8);
      }
      next_low[j] += 8 * codes[j].low_bits;
    }
    for (uint32_t t = 0; t < 64; ++t) {
      const uint8_t* list = lists + size_t{128} * list_of[i + t];
      uint8_t* out = ids + 8 * (i + t);
      for (int j = 0; j < 8; ++j) out[j] = list[ranks[j][t] & 127];
    }
  }
}

inline float FloatOf(uint16_t bits) {
  const uint32_t word = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

// Sixteen tokens at a time, slot after slot, so that the compiler finds its vectors.
void PutWeights8Portable(const uint16_t* const planes[8], float total, uint32_t count, uint16_t* weights) {
  constexpr uint32_t kTokens = 16;
  for (uint32_t i = 0; i < count; i += kTokens) {
    uint16_t bits[8][kTokens];
    float sum[kTokens];
    for (uint32_t t = 0; t < kTokens; ++t) {
      bits[7][t] = planes[7][i + t];
      sum[t] = FloatOf(bits[7][t]);
    }
    for (int j = 6; j > 0; --j) {
      for (uint32_t t = 0; t < kTokens; ++t) {
        bits[j][t] = static_cast<uint16_t>(bits[j + 1][t] + planes[j][i + t]);
        sum[t] += FloatOf(bits[j][t]);
      }
    }
    for (uint32_t t = 0; t < kTokens; ++t) {
      const float rest = total - sum[t];
      uint32_t word;
      std::memcpy(&word, &rest, 4);
      const uint32_t rounded = (word + 0x7fff + (word >> 16 & 1)) >> 16;
      const uint32_t guess = (rounded & 0x7f80) == 0x7f80 ? 0 : rounded;
      const uint32_t zigzag = planes[0][i + t];
      bits[0][t] = static_cast<uint16_t>(guess + (zigzag >> 1 ^ (0 - (zigzag & 1))));
    }
    for (uint32_t t = 0; t < kTokens; ++t) {
      for (int j = 0; j < 8; ++j) weights[8 * (i + t) + j] = bits[j][t];
    }
  }
}

}  // namespace

#if defined(__x86_64__)
GROUTER_BEGIN_AVX2
namespace {

// All ones in the 32 bytes whose bits are set.
inline __m256i BytesOf(uint32_t bits) {
  const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i one_each = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), spread);
  return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, one_each), one_each);
}

inline __m256i Load16(const uint16_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline void Store(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }

void JoinAvx2(const PlaneCode& code, const uint8_t* symbols, const char* low, uint32_t count,
              uint16_t* values) {
  const __m256i base = _mm256_set1_epi16(static_cast<int16_t>(code.base));
  const __m256i one_each = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
                                             16384, static_cast<int16_t>(0x8000));
  const __m128i shift = _mm_cvtsi32_si128(code.low_bits);
  for (uint32_t i = 0; i < count; i += 64, low += 8 * code.low_bits) {
    for (uint32_t part = 0; part < 4; ++part) {
      const __m128i in = _mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols + i + 16 * part));
      __m256i v = _mm256_add_epi16(_mm256_sll_epi16(_mm256_cvtepu8_epi16(in), shift), base);
      for (uint32_t bit = 0; bit < code.low_bits; ++bit) {
        int16_t word;
        std::memcpy(&word, low + 8 * (code.low_bits - 1 - bit) + 2 * part, 2);
        const __m256i set = _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16(word), one_each), one_each);
        v = _mm256_add_epi16(v, _mm256_and_si256(set, _mm256_set1_epi16(static_cast<int16_t>(1 << bit))));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + i + 16 * part), v);
    }
  }
}

void PutIds8Avx2(const PlaneCode* codes, const uint8_t* const symbols[8], const char* const low[8],
                 const uint8_t* lists, const uint32_t* list_of, uint32_t count, uint8_t* ids) {
  alignas(32) uint8_t ranks[256];
  for (uint32_t i = 0; i < count; i += 32) {
    __m256i v[8], t[8], u[8];
    for (int j = 0; j < 8; ++j) {
      v[j] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(symbols[j] + i));
      const char* words = low[j] + size_t{8} * codes[j].low_bits * (i / 64) + i % 64 / 8;
      for (uint32_t bit = 0; bit < codes[j].low_bits; ++bit) {
        uint32_t word;
        std::memcpy(&word, words + 8 * bit, 4);
        v[j] = _mm256_sub_epi8(_mm256_add_epi8(v[j], v[j]), BytesOf(word));
      }
      v[j] = _mm256_and_si256(v[j], _mm256_set1_epi8(127));
    }
    for (int j = 0; j < 8; j += 2) {
      t[j] = _mm256_unpacklo_epi8(v[j], v[j + 1]);
      t[j + 1] = _mm256_unpackhi_epi8(v[j], v[j + 1]);
    }
    for (int h = 0; h < 2; ++h) {
      u[4 * h] = _mm256_unpacklo_epi16(t[h], t[2 + h]);
      u[4 * h + 1] = _mm256_unpackhi_epi16(t[h], t[2 + h]);
      u[4 * h + 2] = _mm256_unpacklo_epi16(t[4 + h], t[6 + h]);
      u[4 * h + 3] = _mm256_unpackhi_epi16(t[4 + h], t[6 + h]);
    }
    for (int h = 0; h < 2; ++h) {
      v[4 * h] = _mm256_unpacklo_epi32(u[4 * h], u[4 * h + 2]);
      v[4 * h + 1] = _mm256_unpackhi_epi32(u[4 * h], u[4 * h + 2]);
      v[4 * h + 2] = _mm256_unpacklo_epi32(u[4 * h + 1], u[4 * h + 3]);
      v[4 * h + 3] = _mm256_unpackhi_epi32(u[4 * h + 1], u[4 * h + 3]);
    }
    // Register j holds tokens 2 j, 2 j + 1 and 16 + 2 j, 16 + 2 j + 1.
    for (int j = 0; j < 8; ++j) {
      Store(ranks + 16 * j, _mm256_castsi256_si128(v[j]));
      Store(ranks + 128 + 16 * j, _mm256_extracti128_si256(v[j], 1));
    }
    for (uint32_t token = 0; token < 32; ++token) {
      const uint8_t* list = lists + size_t{128} * list_of[i + token];
      const uint8_t* rank = ranks + 8 * token;
      uint64_t eight = 0;
      for (int j = 0; j < 8; ++j) eight |= uint64_t{list[rank[j]]} << (8 * j);
      std::memcpy(ids + 8 * size_t{i + token}, &eight, 8);
    }
  }
}

inline __m256 LowFloats(__m256i words) { return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)); }
inline __m256 HighFloats(__m256i words) {
  return _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
// As RoundToBFloat16 below.
inline __m256i RoundHalves(__m256 value) {
  const __m256i bits = _mm256_castps_si256(value);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  return _mm256_and_si256(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))),
                          _mm256_set1_epi32(static_cast<int>(0xffff0000u)));
}

void PutWeights8Avx2(const uint16_t* const planes[8], float total, uint32_t count, uint16_t* weights) {
  const __m256 all = _mm256_set1_ps(total);
  const __m256i exponent = _mm256_set1_epi16(0x7f80);
  for (uint32_t i = 0; i < count; i += 16) {
    __m256i v[8], t[8], u[8];
    v[7] = Load16(planes[7] + i);
    __m256 low = LowFloats(v[7]), high = HighFloats(v[7]);
    for (int j = 6; j > 0; --j) {
      v[j] = _mm256_add_epi16(v[j + 1], Load16(planes[j] + i));
      low = _mm256_add_ps(low, LowFloats(v[j]));
      high = _mm256_add_ps(high, HighFloats(v[j]));
    }
    const __m256i guess = _mm256_or_si256(_mm256_srli_epi32(RoundHalves(_mm256_sub_ps(all, low)), 16),
                                          RoundHalves(_mm256_sub_ps(all, high)));
    const __m256i infinite = _mm256_cmpeq_epi16(_mm256_and_si256(guess, exponent), exponent);
    const __m256i zigzag = Load16(planes[0] + i);
    const __m256i sign =
        _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_and_si256(zigzag, _mm256_set1_epi16(1)));
    v[0] = _mm256_add_epi16(_mm256_andnot_si256(infinite, guess),
                            _mm256_xor_si256(_mm256_srli_epi16(zigzag, 1), sign));
    for (int j = 0; j < 8; j += 2) {
      t[j] = _mm256_unpacklo_epi16(v[j], v[j + 1]);
      t[j + 1] = _mm256_unpackhi_epi16(v[j], v[j + 1]);
    }
    for (int h = 0; h < 2; ++h) {
      u[4 * h] = _mm256_unpacklo_epi32(t[h], t[2 + h]);
      u[4 * h + 1] = _mm256_unpackhi_epi32(t[h], t[2 + h]);
      u[4 * h + 2] = _mm256_unpacklo_epi32(t[4 + h], t[6 + h]);
      u[4 * h + 3] = _mm256_unpackhi_epi32(t[4 + h], t[6 + h]);
    }
    uint16_t* out = weights + 8 * size_t{i};
    for (int h = 0; h < 2; ++h) {
      const __m256i rows[4] = {_mm256_unpacklo_epi64(u[4 * h], u[4 * h + 2]),
                               _mm256_unpackhi_epi64(u[4 * h], u[4 * h + 2]),
                               _mm256_unpacklo_epi64(u[4 * h + 1], u[4 * h + 3]),
                               _mm256_unpackhi_epi64(u[4 * h + 1], u[4 * h + 3])};
      for (int r = 0; r < 4; ++r) {  // tokens 4 h + r and 8 + 4 h + r
        Store(out + 8 * (4 * h + r), _mm256_castsi256_si128(rows[r]));
        Store(out + 8 * (8 + 4 * h + r), _mm256_extracti128_si256(rows[r], 1));
      }
    }
  }
}

}  // namespace
GROUTER_END_TARGET

GROUTER_BEGIN_AVX512
namespace {

// Rows of 8 registers to columns: afterwards register i, 128-bit lane l holds what were lanes l of the
// inputs, interleaved by 16-byte chunks; then lanes are brought into order. `Stage`s differ by the element's
// width.
inline void TransposeLanes(__m512i v[8]) {
  // v[i] lane l is chunk (l, i) of 8 chunks per lane; chunk order wanted: l * 8 + i.
  __m512i t[8];
  for (int h = 0; h < 8; h += 4) {
    t[h] = _mm512_shuffle_i32x4(v[h], v[h + 1], 0x44);      // a0 a1 b0 b1
    t[h + 1] = _mm512_shuffle_i32x4(v[h], v[h + 1], 0xee);  // a2 a3 b2 b3
    t[h + 2] = _mm512_shuffle_i32x4(v[h + 2], v[h + 3], 0x44);
    t[h + 3] = _mm512_shuffle_i32x4(v[h + 2], v[h + 3], 0xee);
  }
  for (int h = 0; h < 2; ++h) {
    v[h] = _mm512_shuffle_i32x4(t[4 * h], t[4 * h + 2], 0x88);          // lane 0
    v[h + 2] = _mm512_shuffle_i32x4(t[4 * h], t[4 * h + 2], 0xdd);      // lane 1
    v[h + 4] = _mm512_shuffle_i32x4(t[4 * h + 1], t[4 * h + 3], 0x88);  // lane 2
    v[h + 6] = _mm512_shuffle_i32x4(t[4 * h + 1], t[4 * h + 3], 0xdd);  // lane 3
  }
}

// Eight planes of 64 bytes to 64 tokens of 8 bytes.
inline void TransposeBytes(__m512i v[8]) {
  __m512i t[8], u[8];
  for (int j = 0; j < 8; j += 2) {
    t[j] = _mm512_unpacklo_epi8(v[j], v[j + 1]);
    t[j + 1] = _mm512_unpackhi_epi8(v[j], v[j + 1]);
  }
  for (int h = 0; h < 2; ++h) {  // t[0], t[2], t[4], t[6]: tokens 0..7 of a lane; t[1] ...: 8..15
    u[4 * h] = _mm512_unpacklo_epi16(t[h], t[2 + h]);
    u[4 * h + 1] = _mm512_unpackhi_epi16(t[h], t[2 + h]);
    u[4 * h + 2] = _mm512_unpacklo_epi16(t[4 + h], t[6 + h]);
    u[4 * h + 3] = _mm512_unpackhi_epi16(t[4 + h], t[6 + h]);
  }
  for (int h = 0; h < 2; ++h) {
    v[4 * h] = _mm512_unpacklo_epi32(u[4 * h], u[4 * h + 2]);
    v[4 * h + 1] = _mm512_unpackhi_epi32(u[4 * h], u[4 * h + 2]);
    v[4 * h + 2] = _mm512_unpacklo_epi32(u[4 * h + 1], u[4 * h + 3]);
    v[4 * h + 3] = _mm512_unpackhi_epi32(u[4 * h + 1], u[4 * h + 3]);
  }
  TransposeLanes(v);
}

// Eight planes of 32 words to 32 tokens of 8 words.
inline void TransposeWords(__m512i v[8]) {
  __m512i t[8], u[8];
  for (int j = 0; j < 8; j += 2) {
    t[j] = _mm512_unpacklo_epi16(v[j], v[j + 1]);
    t[j + 1] = _mm512_unpackhi_epi16(v[j], v[j + 1]);
  }
  for (int h = 0; h < 2; ++h) {  // h: tokens 0..3 or 4..7 of a lane
    u[4 * h] = _mm512_unpacklo_epi32(t[h], t[2 + h]);
    u[4 * h + 1] = _mm512_unpackhi_epi32(t[h], t[2 + h]);
    u[4 * h + 2] = _mm512_unpacklo_epi32(t[4 + h], t[6 + h]);
    u[4 * h + 3] = _mm512_unpackhi_epi32(t[4 + h], t[6 + h]);
  }
  for (int h = 0; h < 2; ++h) {
    v[4 * h] = _mm512_unpacklo_epi64(u[4 * h], u[4 * h + 2]);
    v[4 * h + 1] = _mm512_unpackhi_epi64(u[4 * h], u[4 * h + 2]);
    v[4 * h + 2] = _mm512_unpacklo_epi64(u[4 * h + 1], u[4 * h + 3]);
    v[4 * h + 3] = _mm512_unpackhi_epi64(u[4 * h + 1], u[4 * h + 3]);
  }
  TransposeLanes(v);
}

inline __m512i AsFloatLow(__m512i words) { return _mm512_slli_epi32(words, 16); }
inline __m512i AsFloatHigh(__m512i words) {
  return _mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
}

// To nearest, ties to even, as FloatToBFloat16 does for finite numbers; in the high half of each dword.
inline __m512i RoundToBFloat16(__m512 value) {
  const __m512i bits = _mm512_castps_si512(value);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  return _mm512_and_si512(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))),
                          _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
}

void JoinAvx512(const PlaneCode& code, const uint8_t* symbols, const char* low, uint32_t count,
                uint16_t* values) {
  const __m512i base = _mm512_set1_epi16(static_cast<int16_t>(code.base));
  const __m128i shift = _mm_cvtsi32_si128(code.low_bits);
  for (uint32_t i = 0; i < count; i += 64) {
    const __m256i* in = reinterpret_cast<const __m256i*>(symbols + i);
    __m512i a = _mm512_sll_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256(in)), shift);
    __m512i b = _mm512_sll_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256(in + 1)), shift);
    a = _mm512_add_epi16(a, base);
    b = _mm512_add_epi16(b, base);
    for (uint32_t bit = code.low_bits; bit-- > 0; low += 8) {
      const uint64_t word = Word(low);
      const __m512i one = _mm512_set1_epi16(static_cast<int16_t>(1 << bit));
      a = _mm512_mask_add_epi16(a, static_cast<__mmask32>(word), a, one);
      b = _mm512_mask_add_epi16(b, static_cast<__mmask32>(word >> 32), b, one);
    }
    _mm512_storeu_si512(values + i, a);
    _mm512_storeu_si512(values + i + 32, b);
  }
}

inline __m512i LoadEight(const uint8_t* from) {
  return _mm512_castsi128_si512(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
inline void StoreEight(uint8_t* to, __m512i bytes) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(bytes));
}

void PutIds8Avx512(const PlaneCode* codes, const uint8_t* const symbols[8], const char* const low[8],
                   const uint8_t* lists, const uint32_t* list_of, uint32_t count, uint8_t* ids) {
  alignas(64) uint8_t ranks[512];
  const char* next_low[8];
  for (int j = 0; j < 8; ++j) next_low[j] = low[j];
  const __m512i one = _mm512_set1_epi8(1);
  for (uint32_t i = 0; i < count; i += 64) {
    __m512i v[8];
    for (int j = 0; j < 8; ++j) {
      v[j] = _mm512_loadu_si512(symbols[j] + i);
      for (uint32_t bit = codes[j].low_bits; bit-- > 0; next_low[j] += 8) {
        v[j] = _mm512_add_epi8(v[j], v[j]);
        v[j] = _mm512_mask_add_epi8(v[j], Word(next_low[j]), v[j], one);
      }
    }
    TransposeBytes(v);
    uint64_t far = 0;  // tokens with a rank past the first half of their list
    for (int j = 0; j < 8; ++j) {
      far |= uint64_t{_mm512_test_epi64_mask(v[j], _mm512_set1_epi8(64))} << (8 * j);
      _mm512_store_si512(ranks + 64 * j, v[j]);
    }
    for (uint32_t t = 0; t < 64; ++t) {
      const uint8_t* list = lists + size_t{128} * list_of[i + t];
      StoreEight(ids + 8 * size_t{i + t},
                 _mm512_permutexvar_epi8(LoadEight(ranks + 8 * t), _mm512_loadu_si512(list)));
    }
    for (; far != 0; far &= far - 1) {
      const uint32_t t = static_cast<uint32_t>(__builtin_ctzll(far));
      const uint8_t* list = lists + size_t{128} * list_of[i + t];
      StoreEight(ids + 8 * size_t{i + t},
                 _mm512_permutex2var_epi8(_mm512_loadu_si512(list), LoadEight(ranks + 8 * t),
                                          _mm512_loadu_si512(list + 64)));
    }
  }
}

void PutWeights8Avx512(const uint16_t* const planes[8], float total, uint32_t count, uint16_t* weights) {
  const __m512 all = _mm512_set1_ps(total);
  for (uint32_t i = 0; i < count; i += 32) {
    __m512i v[8];
    v[7] = _mm512_loadu_si512(planes[7] + i);
    __m512 low = _mm512_castsi512_ps(AsFloatLow(v[7]));
    __m512 high = _mm512_castsi512_ps(AsFloatHigh(v[7]));
    for (int j = 6; j > 0; --j) {
      v[j] = _mm512_add_epi16(v[j + 1], _mm512_loadu_si512(planes[j] + i));
      low = _mm512_add_ps(low, _mm512_castsi512_ps(AsFloatLow(v[j])));
      high = _mm512_add_ps(high, _mm512_castsi512_ps(AsFloatHigh(v[j])));
    }
    const __m512i guess = _mm512_or_si512(_mm512_srli_epi32(RoundToBFloat16(_mm512_sub_ps(all, low)), 16),
                                          RoundToBFloat16(_mm512_sub_ps(all, high)));
    const __m512i exponent = _mm512_set1_epi16(0x7f80);
    const __mmask32 finite = _mm512_cmpneq_epi16_mask(_mm512_and_si512(guess, exponent), exponent);
    const __m512i zigzag = _mm512_loadu_si512(planes[0] + i);
    const __m512i sign =
        _mm512_sub_epi16(_mm512_setzero_si512(), _mm512_and_si512(zigzag, _mm512_set1_epi16(1)));
    v[0] = _mm512_add_epi16(_mm512_maskz_mov_epi16(finite, guess),
                            _mm512_xor_si512(_mm512_srli_epi16(zigzag, 1), sign));
    TransposeWords(v);
    for (int j = 0; j < 8; ++j) _mm512_storeu_si512(weights + 8 * (i + 4 * j), v[j]);
  }
}

}  // namespace
GROUTER_END_TARGET
#endif

void Join(LaneKernel kernel, const PlaneCode& code, const uint8_t* symbols, const char* low, uint32_t count,
          uint16_t* values) {
#if defined(__x86_64__)
  if (kernel == LaneKernel::kAvx512Vbmi) return JoinAvx512(code, symbols, low, count, values);
  if (kernel == LaneKernel::kAvx2) return JoinAvx2(code, symbols, low, count, values);
#endif
  JoinPortable(code, symbols, low, count, values);
}

void PutIds8(LaneKernel kernel, const PlaneCode* codes, const uint8_t* const symbols[8],
             const char* const low[8], const uint8_t* lists, const uint32_t* list_of, uint32_t count,
             uint8_t* ids) {
#if defined(__x86_64__)
  if (kernel == LaneKernel::kAvx512Vbmi)
    return PutIds8Avx512(codes, symbols, low, lists, list_of, count, ids);
  if (kernel == LaneKernel::kAvx2) return PutIds8Avx2(codes, symbols, low, lists, list_of, count, ids);
#endif
  PutIds8Portable(codes, symbols, low, lists, list_of, count, ids);
}

void PutWeights8(LaneKernel kernel, const uint16_t* const planes[8], float total, uint32_t count,
                 uint16_t* weights) {
#if defined(__x86_64__)
  if (kernel == LaneKernel::kAvx512Vbmi) return PutWeights8Avx512(planes, total, count, weights);
  if (kernel == LaneKernel::kAvx2) return PutWeights8Avx2(planes, total, count, weights);
#endif
  PutWeights8Portable(planes, total, count, weights);
}

}  // namespace grouter
