// How the values of one plane (one slot of every token) become symbols: a value is a base plus a symbol's
// high part and some low bits that are stored as they are; rare values are listed. Probabilities have 7 bits,
// so that a plane's whole decoding table fits into a few registers. Pure.
#ifndef GROUTER_ROUTING_TABLE_PACKED_PLANE_CODE_H_
#define GROUTER_ROUTING_TABLE_PACKED_PLANE_CODE_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "io/coding.h"

namespace grouter {

constexpr uint32_t kSymbolSlots = 128;  // the frequencies of a plane's symbols sum to this
constexpr uint32_t kMaxLowBits = 9;     // 7 bits of symbol and 9 low bits reach every u16

// value = base + (symbol << low_bits | low), modulo 2^16. With `has_escape` the last symbol says that the
// value is listed beside the stream; symbols of frequency 0 are not used.
struct PlaneCode {
  uint16_t base = 0;
  uint8_t low_bits = 0;
  uint8_t num_symbols = 1;  // 1..128
  bool has_escape = false;
  std::array<uint8_t, kSymbolSlots> frequency = {kSymbolSlots};  // [num_symbols], the rest 0

  uint8_t escape() const { return num_symbols - 1; }
  // The symbol of a value; the escape's where it has none. REQUIRES: has_escape, or the value has one.
  uint8_t SymbolOf(uint16_t value) const;
  // Of token i of a run, from the run's symbols and low bits (a u64 of each 64 tokens for each bit, the
  // highest first).
  uint16_t ValueAt(const uint8_t* symbols, const char* low, uint32_t i) const;
};

// The cheapest code for a histogram of 65,536 counts. With `domain` > 0 every value below it gets a symbol
// and there is no escape; with 0 rare values are escaped, and any value may come.
PlaneCode FitPlaneCode(absl::Span<const uint32_t> histogram, uint32_t domain);
// Bits that `code` takes for the histogram's values, listed ones included.
double PlaneCodeBits(const PlaneCode& code, absl::Span<const uint32_t> histogram);

void EncodePlaneCode(const PlaneCode& code, ByteWriter* out);
// INVALID_ARGUMENT when cut or not one that decodes.
absl::StatusOr<PlaneCode> DecodePlaneCode(ByteReader* in);

// By slot (the low 7 bits of a state): the symbol, its frequency, and slot minus the symbol's first slot; and
// the three together for who looks one up at a time: frequency << 16 | bias << 8 | symbol.
struct SlotTable {
  alignas(64) std::array<uint8_t, kSymbolSlots> symbol;
  alignas(64) std::array<uint8_t, kSymbolSlots> frequency;
  alignas(64) std::array<uint8_t, kSymbolSlots> bias;
  alignas(64) std::array<uint32_t, kSymbolSlots> together;
  explicit SlotTable(const PlaneCode& code);
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_PLANE_CODE_H_
