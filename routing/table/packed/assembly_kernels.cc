#include "routing/table/packed/assembly_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "routing/table/packed/lane_kernels.h"

namespace grouter {

namespace {

inline uint64_t Word(const void* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

#if defined(__x86_64__)
// Byte 8 o + r is byte o of word r.
alignas(64) constexpr auto kByOctets = [] {
  std::array<uint8_t, 64> table{};
  for (uint32_t i = 0; i < 64; ++i) table[i] = static_cast<uint8_t>(8 * (i % 8) + i / 8);
  return table;
}();
#endif

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

void PutIds8Portable(const EightPlanes& planes, const uint8_t* lists, const uint32_t* list_of, uint32_t count,
                     uint8_t* ids) {
  uint8_t ranks[8][64];
  const char* next_low[8];
  for (int j = 0; j < 8; ++j) next_low[j] = planes.low[j];
  for (uint32_t i = 0; i < count; i += 64) {
    for (int j = 0; j < 8; ++j) {
      for (uint32_t t = 0; t < 8; ++t) {
        uint64_t eight = Word(planes.symbols[j] + i + 8 * t);
        for (uint32_t bit = 0; bit < planes.codes[j].low_bits; ++bit)
          eight += eight + SpreadBits(static_cast<uint8_t>(next_low[j][8 * bit + t]));
        std::memcpy(ranks[j] + 8 * t, &eight, 8);
      }
      next_low[j] += 8 * planes.codes[j].low_bits;
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

// From the planes' values. Sixteen tokens at a time, slot after slot, so that the compiler finds its vectors.
void SumAndPut8Portable(const uint16_t* const planes[8], float total, uint32_t count, uint16_t* weights) {
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

void PutIds8Avx2(const EightPlanes& planes, const uint8_t* lists, const uint32_t* list_of, uint32_t count,
                 uint8_t* ids) {
  alignas(32) uint8_t ranks[256];
  for (uint32_t i = 0; i < count; i += 32) {
    __m256i v[8], t[8], u[8];
    for (int j = 0; j < 8; ++j) {
      v[j] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(planes.symbols[j] + i));
      const uint32_t low_bits = planes.codes[j].low_bits;
      const char* words = planes.low[j] + size_t{8} * low_bits * (i / 64) + i % 64 / 8;
      for (uint32_t bit = 0; bit < low_bits; ++bit) {
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

void SumAndPut8Avx2(const uint16_t* const planes[8], float total, uint32_t count, uint16_t* weights) {
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

// Eight planes of 32 words to 32 tokens of 8 words: lane l of v[r] is token 8 l + r.
inline void TransposeRows(__m512i v[8]) {
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
}

// Afterwards lane i of v[l] is what lane l of v[i] was.
inline void TransposeFourLanes(__m512i v[4]) {
  const __m512i a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
  const __m512i c = _mm512_shuffle_i32x4(v[0], v[1], 0xee), d = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
  v[0] = _mm512_shuffle_i32x4(a, b, 0x88);
  v[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
  v[2] = _mm512_shuffle_i32x4(c, d, 0x88);
  v[3] = _mm512_shuffle_i32x4(c, d, 0xdd);
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

// Low bits of 64 tokens as their bytes, at most 8: words of a plane, the highest bit's first, are rows of 8 x
// 8 bits for each 8 tokens, and multiplying unit vectors by such a matrix gives its columns.
struct EightLowBits {
  __m512i shift[8];  // words of the number of low bits
  __mmask8 rows[8];
  uint32_t words[8];

  explicit EightLowBits(const PlaneCode* codes) {
    for (int j = 0; j < 8; ++j) {
      words[j] = codes[j].low_bits;
      shift[j] = _mm512_set1_epi16(static_cast<int16_t>(words[j]));
      rows[j] = static_cast<__mmask8>(0xff00 >> words[j]);
    }
  }
  __m512i Bytes(int j, const char* low, uint32_t first_token) const {
    const auto at = reinterpret_cast<uintptr_t>(low) + size_t{words[j]} * (first_token / 8);
    // Row m of a matrix is bit 7 - m of the tokens: missing rows are at the beginning.
    const __m512i bits =
        _mm512_maskz_loadu_epi64(rows[j], reinterpret_cast<const void*>(at + 8 * words[j] - 64));
    const __m512i matrices = _mm512_permutexvar_epi8(_mm512_load_si512(kByOctets.data()), bits);
    return _mm512_gf2p8affine_epi64_epi8(_mm512_set1_epi64(static_cast<int64_t>(0x8040201008040201u)),
                                         matrices, 0);
  }
};

void PutIds8Avx512(const EightPlanes& planes, const ListBytes& lists, const uint32_t* list_of, uint32_t count,
                   uint8_t* ids) {
  alignas(64) uint8_t ranks[512];
  // Tokens with a rank past the beginning of their list wait until the rest of it has come from memory.
  uint32_t late[kRunTokens], num_late = 0;
  uint64_t late_ranks[kRunTokens];
  const EightLowBits low(planes.codes);
  for (uint32_t i = 0; i < count; i += 64) {
    __m512i v[8];
    for (int j = 0; j < 8; ++j) {
      v[j] = _mm512_or_si512(_mm512_sllv_epi16(_mm512_loadu_si512(planes.symbols[j] + i), low.shift[j]),
                             low.Bytes(j, planes.low[j], i));
    }
    TransposeBytes(v);
    uint64_t far = 0;
    for (int j = 0; j < 8; ++j) {
      far |= uint64_t{_mm512_test_epi64_mask(v[j], _mm512_set1_epi8(64))} << (8 * j);
      _mm512_store_si512(ranks + 64 * j, v[j]);
    }
    for (uint32_t t = 0; t < 64; ++t) {
      const uint8_t* list = lists.beginnings + size_t{64} * list_of[i + t];
      StoreEight(ids + 8 * size_t{i + t},
                 _mm512_permutexvar_epi8(LoadEight(ranks + 8 * t), _mm512_loadu_si512(list)));
    }
    for (; far != 0; far &= far - 1) {
      const uint32_t t = static_cast<uint32_t>(__builtin_ctzll(far));
      __builtin_prefetch(lists.lists + size_t{128} * list_of[i + t] + 64);
      late[num_late] = i + t;
      late_ranks[num_late++] = Word(ranks + 8 * t);
    }
  }
  for (uint32_t n = 0; n < num_late; ++n) {
    const size_t list = list_of[late[n]];
    StoreEight(ids + 8 * size_t{late[n]},
               _mm512_permutex2var_epi8(
                   _mm512_loadu_si512(lists.beginnings + 64 * list),
                   _mm512_castsi128_si512(_mm_cvtsi64_si128(static_cast<int64_t>(late_ranks[n]))),
                   _mm512_loadu_si512(lists.lists + 128 * list + 64)));
  }
}

// Thirty-two tokens' codes of all weights but the first from what their planes say; then the first.
inline void SumWeights(__m512i v[8], __m512 all) {
  __m512 low = _mm512_castsi512_ps(AsFloatLow(v[7]));
  __m512 high = _mm512_castsi512_ps(AsFloatHigh(v[7]));
  for (int j = 6; j > 0; --j) {
    v[j] = _mm512_add_epi16(v[j + 1], v[j]);
    low = _mm512_add_ps(low, _mm512_castsi512_ps(AsFloatLow(v[j])));
    high = _mm512_add_ps(high, _mm512_castsi512_ps(AsFloatHigh(v[j])));
  }
  const __m512i guess = _mm512_or_si512(_mm512_srli_epi32(RoundToBFloat16(_mm512_sub_ps(all, low)), 16),
                                        RoundToBFloat16(_mm512_sub_ps(all, high)));
  const __m512i exponent = _mm512_set1_epi16(0x7f80);
  const __mmask32 finite = _mm512_cmpneq_epi16_mask(_mm512_and_si512(guess, exponent), exponent);
  const __m512i sign = _mm512_sub_epi16(_mm512_setzero_si512(), _mm512_and_si512(v[0], _mm512_set1_epi16(1)));
  v[0] = _mm512_add_epi16(_mm512_maskz_mov_epi16(finite, guess),
                          _mm512_xor_si512(_mm512_srli_epi16(v[0], 1), sign));
}

// REQUIRES: at most 8 low bits.
void PutWeights8Avx512(const EightPlanes& planes, float total, uint32_t count, uint16_t* weights) {
  const __m512 all = _mm512_set1_ps(total);
  const __m512i low_byte = _mm512_set1_epi16(0xff);
  const EightLowBits low(planes.codes);
  __m512i base[8];
  for (int j = 0; j < 8; ++j) base[j] = _mm512_set1_epi16(static_cast<int16_t>(planes.codes[j].base));
  for (uint32_t i = 0; i < count; i += 64) {
    __m512i even[8], odd[8];  // words of tokens 0, 2, ... and 1, 3, ...
    for (int j = 0; j < 8; ++j) {
      const __m512i symbols = _mm512_loadu_si512(planes.symbols[j] + i);
      const __m512i bits = low.Bytes(j, planes.low[j], i);
      const __m512i high_even = _mm512_sllv_epi16(_mm512_and_si512(symbols, low_byte), low.shift[j]);
      const __m512i high_odd = _mm512_sllv_epi16(_mm512_srli_epi16(symbols, 8), low.shift[j]);
      even[j] = _mm512_add_epi16(base[j], _mm512_ternarylogic_epi32(high_even, bits, low_byte, 0xf8));
      odd[j] = _mm512_add_epi16(base[j], _mm512_or_si512(high_odd, _mm512_srli_epi16(bits, 8)));
    }
    SumWeights(even, all);
    SumWeights(odd, all);
    TransposeRows(even);
    TransposeRows(odd);
    // Lane l of even[r] is token 16 l + 2 r, of odd[r] the one after.
    for (uint32_t r = 0; r < 8; r += 2) {
      __m512i rows[4] = {even[r], odd[r], even[r + 1], odd[r + 1]};
      TransposeFourLanes(rows);
      for (uint32_t l = 0; l < 4; ++l) _mm512_storeu_si512(weights + 8 * (i + 16 * l + 2 * r), rows[l]);
    }
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

void PutIds8(LaneKernel kernel, const EightPlanes& ranks, const ListBytes& lists, const uint32_t* list_of,
             uint32_t count, uint8_t* ids) {
#if defined(__x86_64__)
  if (kernel == LaneKernel::kAvx512Vbmi) return PutIds8Avx512(ranks, lists, list_of, count, ids);
  if (kernel == LaneKernel::kAvx2) return PutIds8Avx2(ranks, lists.lists, list_of, count, ids);
#endif
  PutIds8Portable(ranks, lists.lists, list_of, count, ids);
}

void PutWeights8(LaneKernel kernel, const EightPlanes& planes, float total, uint32_t count,
                 uint16_t* weights) {
#if defined(__x86_64__)
  const bool low_bits_are_bytes =
      std::all_of(planes.codes, planes.codes + 8, [](const PlaneCode& code) { return code.low_bits <= 8; });
  if (kernel == LaneKernel::kAvx512Vbmi && low_bits_are_bytes)
    return PutWeights8Avx512(planes, total, count, weights);
#endif
  constexpr uint32_t kTogether = 64;
  uint16_t values[8][kTogether];
  const uint16_t* const plane_of[8] = {values[0], values[1], values[2], values[3],
                                       values[4], values[5], values[6], values[7]};
  for (uint32_t i = 0; i < count; i += kTogether) {
    for (uint32_t j = 0; j < 8; ++j) {
      const PlaneCode& code = planes.codes[j];
      Join(kernel, code, planes.symbols[j] + i, planes.low[j] + size_t{i} / 8 * code.low_bits, kTogether,
           values[j]);
    }
#if defined(__x86_64__)
    if (kernel != LaneKernel::kPortable) {
      SumAndPut8Avx2(plane_of, total, kTogether, weights + size_t{8} * i);
      continue;
    }
#endif
    SumAndPut8Portable(plane_of, total, kTogether, weights + size_t{8} * i);
  }
}

}  // namespace grouter
