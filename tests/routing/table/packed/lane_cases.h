// Random planes of symbols for the entropy coder's tests.
#ifndef GROUTER_TESTS_ROUTING_TABLE_PACKED_LANE_CASES_H_
#define GROUTER_TESTS_ROUTING_TABLE_PACKED_LANE_CASES_H_

#include <algorithm>
#include <string>
#include <vector>

#include "io/random.h"
#include "routing/table/packed/lane_coder.h"

namespace grouter {
namespace testing {

struct LaneCase {
  uint64_t num_tokens = 0;
  std::vector<PlaneCode> codes;
  std::vector<uint8_t> symbols;  // [plane][token]
};

inline LaneCase RandomLanes(uint64_t num_tokens, uint32_t num_planes, Random* random) {
  LaneCase c;
  c.num_tokens = num_tokens;
  for (uint32_t p = 0; p < num_planes; ++p) {
    std::vector<uint32_t> histogram(65536);
    const uint32_t spread = 1 + static_cast<uint32_t>(random->Below(p % 3 == 0 ? 1 : 300));
    std::vector<uint16_t> values(num_tokens);
    for (uint16_t& v : values) {
      v = static_cast<uint16_t>(random->Uniform() * random->Uniform() * spread);
      ++histogram[v];
    }
    c.codes.push_back(FitPlaneCode(histogram, 0));
    for (uint16_t v : values) c.symbols.push_back(c.codes.back().SymbolOf(v));
  }
  return c;
}

// All planes, run by run.
inline std::vector<uint8_t> DecodeAll(const LaneCase& c, const std::string& bytes, size_t stream_bytes,
                                      LaneKernel kernel, bool* ended_well) {
  std::vector<uint8_t> out(c.symbols.size());
  LaneStream stream = OpenLanes(absl::string_view(bytes).substr(0, stream_bytes), bytes, c.num_tokens);
  for (uint64_t begin = 0; begin < c.num_tokens; begin += kRunTokens) {
    const uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(kRunTokens, c.num_tokens - begin));
    for (size_t p = 0; p < c.codes.size(); ++p)
      DecodeLanes(SlotTable(c.codes[p]), count, kernel, &stream, &out[p * c.num_tokens + begin]);
  }
  *ended_well = LanesEndWell(stream);
  return out;
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_TABLE_PACKED_LANE_CASES_H_
