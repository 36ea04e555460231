// Unsigned LEB128, for the statistics sections of a shard: small counts in one or two bytes. Numbers that
// are seeked or mapped are fixed-width (io/coding.h).
#ifndef GROUTER_ROUTING_TABLE_VARINT_H_
#define GROUTER_ROUTING_TABLE_VARINT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace grouter {

inline void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// Takes one number off the front of *in. False when the bytes end first, or hold more than 64 bits, or are
// not the shortest form (so that every value has one encoding).
inline bool GetVarint(absl::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (uint32_t shift = 0, i = 0; i < in->size() && shift < 64; shift += 7, ++i) {
    const uint64_t byte = static_cast<uint8_t>((*in)[i]);
    if (shift == 63 && byte > 1) return false;
    result |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (byte == 0 && i > 0) return false;
      in->remove_prefix(i + 1);
      *value = result;
      return true;
    }
  }
  return false;
}

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_VARINT_H_
