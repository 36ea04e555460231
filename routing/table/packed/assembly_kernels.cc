#include "routing/table/packed/assembly_kernels.h"

#include <cstring>

#include "io/error.h"
#include "routing/table/packed/lane_kernels.h"

namespace grouter {

#if defined(__x86_64__)
GROUTER_BEGIN_AVX512
namespace {

inline uint64_t Word(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

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

}  // namespace

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
    for (int j = 0; j < 8; ++j) _mm512_store_si512(ranks + 64 * j, v[j]);
    for (uint32_t t = 0; t < 64; ++t) {
      const uint8_t* list = lists + size_t{128} * list_of[i + t];
      const __m512i rank =
          _mm512_castsi128_si512(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(ranks + 8 * t)));
      const __m512i id =
          _mm512_permutex2var_epi8(_mm512_loadu_si512(list), rank, _mm512_loadu_si512(list + 64));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(ids + 8 * (i + t)), _mm512_castsi512_si128(id));
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
GROUTER_END_AVX512
#else
void JoinAvx512(const PlaneCode&, const uint8_t*, const char*, uint32_t, uint16_t*) { GROUTER_CHECK(false); }
void PutIds8Avx512(const PlaneCode*, const uint8_t* const[8], const char* const[8], const uint8_t*,
                   const uint32_t*, uint32_t, uint8_t*) {
  GROUTER_CHECK(false);
}
void PutWeights8Avx512(const uint16_t* const[8], float, uint32_t, uint16_t*) { GROUTER_CHECK(false); }
#endif

}  // namespace grouter
