#include "routing/table/packed/lane_kernels.h"

#include <array>
#include <cstring>

#include "io/error.h"

namespace grouter {
namespace {

// States in their order, so that each can take its byte at once: nothing here waits but `next`.
void RowPortable(const SlotTable& table, LaneStream* s, uint8_t* out) {
  const uint8_t* next = s->next;
  for (uint32_t odd = 0; odd < 2; ++odd) {
    uint16_t* states = s->states.data() + 32 * odd;
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t entry = table.together[states[i] % kSymbolSlots];
      uint32_t x = (entry >> 16) * (states[i] / kSymbolSlots) + (entry >> 8 & 255);
      out[2 * i + odd] = static_cast<uint8_t>(entry);
      const uint32_t low = x < kStateFloor;
      x += ((x << 8) - x + *next) & (0 - low);  // a branch would be foretold wrongly all the time
      next += low;
      states[i] = static_cast<uint16_t>(x);
    }
  }
  s->next = next;
}

#if defined(__x86_64__)
// [which of 8 words take a byte]: a shuffle that brings the next bytes to the low halves of these words.
alignas(64) constexpr auto kSpread = [] {
  std::array<std::array<uint8_t, 16>, 256> table{};
  for (uint32_t takes = 0; takes < 256; ++takes) {
    uint8_t next = 0;
    for (uint32_t word = 0; word < 8; ++word) {
      table[takes][2 * word] = (takes >> word & 1) != 0 ? next++ : uint8_t{0x80};
      table[takes][2 * word + 1] = 0x80;
    }
  }
  return table;
}();

// Orders of 64 bytes, of one register or of two.
struct ByteOrders {
  std::array<uint8_t, 64> even, odd;      // every second byte of two registers
  std::array<uint8_t, 64> first, second;  // bytes of two registers in turn
  std::array<uint8_t, 64> tokens;         // a row's tokens from what belongs to its states
};
alignas(64) constexpr auto kByteOrders = [] {
  ByteOrders orders{};
  for (uint32_t i = 0; i < 64; ++i) {
    orders.even[i] = static_cast<uint8_t>(2 * i);
    orders.odd[i] = static_cast<uint8_t>(2 * i + 1);
    orders.first[i] = static_cast<uint8_t>(i / 2 + i % 2 * 64);
    orders.second[i] = static_cast<uint8_t>(32 + i / 2 + i % 2 * 64);
    orders.tokens[i] = static_cast<uint8_t>(i / 2 + i % 2 * 32);
  }
  return orders;
}();
#endif

}  // namespace

#if defined(__x86_64__)
GROUTER_BEGIN_AVX2
namespace {

// Sixteen states of even tokens and the sixteen of the odd tokens between them.
struct HalfRow {
  __m256i even, odd;
};
struct Row32 {
  HalfRow first, second;
  const uint8_t* next;
};
inline Row32 LoadAvx2(const LaneStream& s) {
  const auto* states = reinterpret_cast<const __m256i*>(s.states.data());
  return {{_mm256_load_si256(states), _mm256_load_si256(states + 2)},
          {_mm256_load_si256(states + 1), _mm256_load_si256(states + 3)},
          s.next};
}
inline void SaveAvx2(const Row32& row, LaneStream* s) {
  auto* states = reinterpret_cast<__m256i*>(s->states.data());
  _mm256_store_si256(states, row.first.even);
  _mm256_store_si256(states + 1, row.second.even);
  _mm256_store_si256(states + 2, row.first.odd);
  _mm256_store_si256(states + 3, row.second.odd);
  s->next = row.next;
}

inline __m256i Chunk(const std::array<uint8_t, kSymbolSlots>& table, int chunk) {
  return _mm256_broadcastsi128_si256(
      _mm_load_si128(reinterpret_cast<const __m128i*>(table.data() + 16 * chunk)));
}

// Symbols of 32 tokens; their states before bytes are taken.
inline void Step(const SlotTable& t, HalfRow* half, uint8_t* out) {
  const __m256i low7 = _mm256_set1_epi16(0x007f);
  const __m256i low8 = _mm256_set1_epi16(0x00ff);
  const __m256i slots = _mm256_or_si256(_mm256_and_si256(half->even, low7),
                                        _mm256_slli_epi16(_mm256_and_si256(half->odd, low7), 8));
  // A table in eight parts of 16: a byte's shuffle index has its top bit set, and so gives 0, in all parts
  // but its own.
  __m256i symbol = _mm256_setzero_si256(), frequency = symbol, bias = symbol;
  for (int c = 0; c < 8; ++c) {
    const __m256i index = _mm256_add_epi8(
        _mm256_xor_si256(slots, _mm256_set1_epi8(static_cast<char>(16 * c))), _mm256_set1_epi8(0x70));
    symbol = _mm256_or_si256(symbol, _mm256_shuffle_epi8(Chunk(t.symbol, c), index));
    frequency = _mm256_or_si256(frequency, _mm256_shuffle_epi8(Chunk(t.frequency, c), index));
    bias = _mm256_or_si256(bias, _mm256_shuffle_epi8(Chunk(t.bias, c), index));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), symbol);
  half->even = _mm256_add_epi16(
      _mm256_mullo_epi16(_mm256_and_si256(frequency, low8), _mm256_srli_epi16(half->even, 7)),
      _mm256_and_si256(bias, low8));
  half->odd =
      _mm256_add_epi16(_mm256_mullo_epi16(_mm256_srli_epi16(frequency, 8), _mm256_srli_epi16(half->odd, 7)),
                       _mm256_srli_epi16(bias, 8));
}

inline __m128i Spread(uint32_t takes, const uint8_t** next) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(*next));
  *next += _mm_popcnt_u32(takes);
  return _mm_shuffle_epi8(bytes, _mm_load_si128(reinterpret_cast<const __m128i*>(kSpread[takes].data())));
}

// Thirty-two states of one parity take their bytes.
inline void RefillAvx2(__m256i* a, __m256i* b, const uint8_t** next) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i low_a = _mm256_cmpeq_epi16(_mm256_srli_epi16(*a, 8), zero);
  const __m256i low_b = _mm256_cmpeq_epi16(_mm256_srli_epi16(*b, 8), zero);
  // Packing goes by halves of registers: a's first eight, b's first eight, a's others, b's others.
  const uint32_t takes = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(low_a, low_b)));
  const __m128i a0 = Spread(takes & 255, next);
  const __m128i a1 = Spread(takes >> 16 & 255, next);
  const __m128i b0 = Spread(takes >> 8 & 255, next);
  const __m128i b1 = Spread(takes >> 24, next);
  *a = _mm256_or_si256(_mm256_blendv_epi8(*a, _mm256_slli_epi16(*a, 8), low_a), _mm256_set_m128i(a1, a0));
  *b = _mm256_or_si256(_mm256_blendv_epi8(*b, _mm256_slli_epi16(*b, 8), low_b), _mm256_set_m128i(b1, b0));
}

inline void RowAvx2(const SlotTable& t, Row32* row, uint8_t* out) {
  Step(t, &row->first, out);
  Step(t, &row->second, out + 32);
  RefillAvx2(&row->first.even, &row->second.even, &row->next);
  RefillAvx2(&row->first.odd, &row->second.odd, &row->next);
}

void DecodeRowsAvx2(const SlotTable& table, uint32_t rows, LaneStream* stream, uint8_t* out) {
  Row32 s = LoadAvx2(*stream);
  for (uint32_t row = 0; row < rows; ++row) RowAvx2(table, &s, out + 64 * row);
  SaveAvx2(s, stream);
}

void DecodeRowPairsAvx2(const SlotTable& table_a, LaneStream* a, uint8_t* out_a, const SlotTable& table_b,
                        LaneStream* b, uint8_t* out_b, uint32_t rows) {
  Row32 sa = LoadAvx2(*a), sb = LoadAvx2(*b);
  for (uint32_t row = 0; row < rows; ++row) {
    RowAvx2(table_a, &sa, out_a + 64 * row);
    RowAvx2(table_b, &sb, out_b + 64 * row);
  }
  SaveAvx2(sa, a);
  SaveAvx2(sb, b);
}

}  // namespace
GROUTER_END_TARGET

GROUTER_BEGIN_AVX512
namespace {

// A plane's table in six registers.
struct Tables {
  __m512i symbol0, symbol1, frequency0, frequency1, bias0, bias1;
};
inline Tables Load(const SlotTable& t) {
  return {_mm512_load_si512(t.symbol.data()),    _mm512_load_si512(t.symbol.data() + 64),
          _mm512_load_si512(t.frequency.data()), _mm512_load_si512(t.frequency.data() + 64),
          _mm512_load_si512(t.bias.data()),      _mm512_load_si512(t.bias.data() + 64)};
}

// The 64 states in their order, as bytes: all take their bytes from the stream at once.
struct States {
  __m512i low, high;
  const uint8_t* next;
};
inline States Load(const LaneStream& s) {
  const __m512i a = _mm512_load_si512(s.states.data()), b = _mm512_load_si512(s.states.data() + 32);
  return {_mm512_permutex2var_epi8(a, _mm512_load_si512(kByteOrders.even.data()), b),
          _mm512_permutex2var_epi8(a, _mm512_load_si512(kByteOrders.odd.data()), b), s.next};
}
inline void Save(const States& states, LaneStream* s) {
  const __m512i first = _mm512_load_si512(kByteOrders.first.data());
  const __m512i second = _mm512_load_si512(kByteOrders.second.data());
  _mm512_store_si512(s->states.data(), _mm512_permutex2var_epi8(states.low, first, states.high));
  _mm512_store_si512(s->states.data() + 32, _mm512_permutex2var_epi8(states.low, second, states.high));
  s->next = states.next;
}

inline void Row(const Tables& t, States* s, uint8_t* out) {
  const __m512i low8 = _mm512_set1_epi16(0x00ff), high8 = _mm512_set1_epi16(static_cast<int16_t>(0xff00));
  // A lookup takes the low seven bits of a byte.
  const __m512i frequency = _mm512_permutex2var_epi8(t.frequency0, s->low, t.frequency1);
  const __m512i bias = _mm512_permutex2var_epi8(t.bias0, s->low, t.bias1);
  const __m512i symbols = _mm512_permutex2var_epi8(t.symbol0, s->low, t.symbol1);
  _mm512_storeu_si512(out, _mm512_permutexvar_epi8(_mm512_load_si512(kByteOrders.tokens.data()), symbols));
  // States of even bytes and of odd ones, without their low seven bits, as words.
  const __m512i even7 = _mm512_shldi_epi16(_mm512_and_si512(s->high, low8), _mm512_slli_epi16(s->low, 8), 1);
  const __m512i odd7 = _mm512_shldi_epi16(_mm512_srli_epi16(s->high, 8), s->low, 1);
  const __m512i even = _mm512_add_epi16(_mm512_mullo_epi16(_mm512_and_si512(frequency, low8), even7),
                                        _mm512_and_si512(bias, low8));
  const __m512i odd =
      _mm512_add_epi16(_mm512_mullo_epi16(_mm512_srli_epi16(frequency, 8), odd7), _mm512_srli_epi16(bias, 8));
  // a | (b & mask): 0xf8.
  const __m512i high = _mm512_ternarylogic_epi32(_mm512_srli_epi16(even, 8), odd, high8, 0xf8);
  const __m512i low = _mm512_ternarylogic_epi32(_mm512_slli_epi16(odd, 8), even, low8, 0xf8);
  const __mmask64 takes = _mm512_testn_epi8_mask(high, high);
  s->low = _mm512_mask_expand_epi8(low, takes, _mm512_loadu_si512(s->next));
  s->high = _mm512_mask_mov_epi8(high, takes, low);
  s->next += _mm_popcnt_u64(takes);
}

void DecodeRowsAvx512(const SlotTable& table, uint32_t rows, LaneStream* stream, uint8_t* out) {
  const Tables t = Load(table);
  States s = Load(*stream);
  for (uint32_t row = 0; row < rows; ++row) Row(t, &s, out + 64 * row);
  Save(s, stream);
}

void DecodeRowPairsAvx512(const SlotTable& table_a, LaneStream* a, uint8_t* out_a, const SlotTable& table_b,
                          LaneStream* b, uint8_t* out_b, uint32_t rows) {
  const Tables ta = Load(table_a), tb = Load(table_b);
  States sa = Load(*a), sb = Load(*b);
  for (uint32_t row = 0; row < rows; ++row) {
    Row(ta, &sa, out_a + 64 * row);
    Row(tb, &sb, out_b + 64 * row);
  }
  Save(sa, a);
  Save(sb, b);
}

}  // namespace
GROUTER_END_TARGET
#endif

void DecodeRows(LaneKernel kernel, const SlotTable& table, uint32_t rows, LaneStream* stream, uint8_t* out) {
#if defined(__x86_64__)
  if (kernel == LaneKernel::kAvx512Vbmi) return DecodeRowsAvx512(table, rows, stream, out);
  if (kernel == LaneKernel::kAvx2) return DecodeRowsAvx2(table, rows, stream, out);
#endif
  for (uint32_t row = 0; row < rows; ++row) RowPortable(table, stream, out + 64 * row);
}

void DecodeRowPairs(LaneKernel kernel, const SlotTable& table_a, LaneStream* a, uint8_t* out_a,
                    const SlotTable& table_b, LaneStream* b, uint8_t* out_b, uint32_t rows) {
#if defined(__x86_64__)
  if (kernel == LaneKernel::kAvx512Vbmi)
    return DecodeRowPairsAvx512(table_a, a, out_a, table_b, b, out_b, rows);
  if (kernel == LaneKernel::kAvx2) return DecodeRowPairsAvx2(table_a, a, out_a, table_b, b, out_b, rows);
#endif
  for (uint32_t row = 0; row < rows; ++row) {
    RowPortable(table_a, a, out_a + 64 * row);
    RowPortable(table_b, b, out_b + 64 * row);
  }
}

}  // namespace grouter
