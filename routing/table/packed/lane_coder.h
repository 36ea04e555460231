// The entropy coder: rANS with many interleaved 16-bit states ("lanes"), probabilities of 7 bits, and a byte
// at a time taken from the stream. States go on from plane to plane. The decoders for any processor, for AVX2
// and for AVX-512 VBMI give the same symbols; the one to use is chosen at run time.
//
//   token i of a row of `lanes` tokens belongs to state i/2 (i even) or lanes/2 + i/2 (i odd)
//   decode one symbol:  slot = x & 127;  x = frequency[slot] * (x >> 7) + bias[slot];  x < 256: x = x << 8 |
//   byte a row's bytes are taken in the order of its states, after all its symbols a stream: the states at
//   its start (u16 each), then bytes; at its end every state is 256
//
// Source: J. Duda, "Asymmetric numeral systems" (arXiv 1311.2540); interleaving as in F. Giesen, "Interleaved
// entropy coders" (arXiv 1402.3392).
#ifndef GROUTER_ROUTING_TABLE_PACKED_LANE_CODER_H_
#define GROUTER_ROUTING_TABLE_PACKED_LANE_CODER_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "routing/table/packed/plane_code.h"

namespace grouter {

constexpr uint32_t kMaxLanes = 64;
constexpr uint32_t kStateFloor = 256;
// Planes are coded in runs of so many tokens, one plane after the other, so that what belongs to a token is
// decoded near in time.
constexpr uint32_t kRunTokens = 1024;

// A power of two: 64 for long records; fewer for short ones, where the states would weigh too much.
uint32_t LanesFor(uint64_t num_tokens);

enum class LaneKernel : uint8_t { kPortable = 0, kAvx2 = 1, kAvx512Vbmi = 2 };
// Those that this processor runs, the slowest (kPortable) first.
std::vector<LaneKernel> LaneKernels();
// The last of them.
LaneKernel BestLaneKernel();

// Symbols of several planes: symbols[plane * num_tokens + token], each with a frequency > 0 in its plane's
// code. Order: run by run, in a run plane by plane.
std::string EncodeLanes(absl::Span<const PlaneCode> codes, absl::Span<const uint8_t> symbols,
                        uint64_t num_tokens);

// Where a decoder stands. Reads no byte outside [next, readable_end).
struct LaneStream {
  const uint8_t* next = nullptr;
  const uint8_t* end = nullptr;           // of the stream
  const uint8_t* readable_end = nullptr;  // of the memory around it; >= end
  uint32_t lanes = 1;
  bool ok = true;  // false after bytes ran out
  alignas(64) std::array<uint16_t, kMaxLanes> states;
};

// `stream` lies within `memory`. A stream too short for its states is not ok.
LaneStream OpenLanes(absl::string_view stream, absl::string_view memory, uint64_t num_tokens);
// The next plane's `count` symbols. A damaged stream gives any symbols of the table; it is found at the end.
void DecodeLanes(const SlotTable& table, uint32_t count, LaneKernel kernel, LaneStream* stream, uint8_t* out);
// Planes of two streams at once, which hides the latency of each. The same symbols as two calls.
void DecodeLanePair(const SlotTable& table_a, LaneStream* a, uint8_t* out_a, const SlotTable& table_b,
                    LaneStream* b, uint8_t* out_b, uint32_t count, LaneKernel kernel);
// True when all was read and every state is where the encoder began.
bool LanesEndWell(const LaneStream& stream);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_PACKED_LANE_CODER_H_
