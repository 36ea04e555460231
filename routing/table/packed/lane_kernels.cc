#include "routing/table/packed/lane_kernels.h"

#include "io/error.h"

namespace grouter {

#if defined(__x86_64__)
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

struct States {
  __m512i even, odd;
  const uint8_t* next;
};
inline States Load(const LaneStream& s) {
  return {_mm512_load_si512(s.states.data()), _mm512_load_si512(s.states.data() + 32), s.next};
}
inline void Save(const States& states, LaneStream* s) {
  _mm512_store_si512(s->states.data(), states.even);
  _mm512_store_si512(s->states.data() + 32, states.odd);
  s->next = states.next;
}

inline __m512i Refill(__m512i x, const uint8_t** next) {
  const __mmask32 low = _mm512_cmplt_epu16_mask(x, _mm512_set1_epi16(kStateFloor));
  const __m512i bytes = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(*next)));
  *next += _mm_popcnt_u32(low);
  x = _mm512_mask_slli_epi16(x, low, x, 8);
  return _mm512_add_epi16(x, _mm512_maskz_expand_epi16(low, bytes));
}

// Tokens 0, 2, ... are the low bytes of `even`'s words, tokens 1, 3, ... the high bytes of the slots' words.
inline void Row(const Tables& t, States* s, uint8_t* out) {
  const __m512i low7 = _mm512_set1_epi16(0x007f);
  const __m512i low8 = _mm512_set1_epi16(0x00ff);
  const __m512i slots =
      _mm512_or_si512(_mm512_and_si512(s->even, low7), _mm512_slli_epi16(_mm512_and_si512(s->odd, low7), 8));
  _mm512_storeu_si512(out, _mm512_permutex2var_epi8(t.symbol0, slots, t.symbol1));
  const __m512i frequency = _mm512_permutex2var_epi8(t.frequency0, slots, t.frequency1);
  const __m512i bias = _mm512_permutex2var_epi8(t.bias0, slots, t.bias1);
  const __m512i even = _mm512_mullo_epi16(_mm512_and_si512(frequency, low8), _mm512_srli_epi16(s->even, 7));
  const __m512i odd = _mm512_mullo_epi16(_mm512_srli_epi16(frequency, 8), _mm512_srli_epi16(s->odd, 7));
  s->even = Refill(_mm512_add_epi16(even, _mm512_and_si512(bias, low8)), &s->next);
  s->odd = Refill(_mm512_add_epi16(odd, _mm512_srli_epi16(bias, 8)), &s->next);
}

}  // namespace

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
GROUTER_END_AVX512
#else
void DecodeRowsAvx512(const SlotTable&, uint32_t, LaneStream*, uint8_t*) { GROUTER_CHECK(false); }
void DecodeRowPairsAvx512(const SlotTable&, LaneStream*, uint8_t*, const SlotTable&, LaneStream*, uint8_t*,
                          uint32_t) {
  GROUTER_CHECK(false);
}
#endif

}  // namespace grouter
