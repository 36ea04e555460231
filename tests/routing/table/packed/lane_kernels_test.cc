#include "routing/table/packed/lane_kernels.h"

#include "gtest/gtest.h"
#include "tests/routing/table/packed/lane_cases.h"

namespace grouter {
namespace {

using testing::DecodeAll;
using testing::LaneCase;
using testing::RandomLanes;

// A stream cut to lie at the memory's end is decoded row by row without kernels: what they are checked
// against.
TEST(LaneKernels, GiveTheSameSymbolsOfSoundAndDamagedStreams) {
  Random random(1);
  for (uint64_t tokens : {1024, 1100, 2048, 4096, 4999}) {
    const LaneCase c = RandomLanes(tokens, 1 + static_cast<uint32_t>(random.Below(4)), &random);
    const std::string stream = EncodeLanes(c.codes, c.symbols, tokens);
    for (int round = 0; round < 5; ++round) {
      std::string bytes = stream;
      if (round > 0) bytes[random.Below(stream.size())] ^= static_cast<char>(1 + random.Below(255));
      bool slow_well;
      const auto slow = DecodeAll(c, bytes, stream.size(), LaneKernel::kPortable, &slow_well);
      EXPECT_TRUE(round > 0 || slow_well);
      bytes += std::string(100000, 'x');
      for (LaneKernel kernel : LaneKernels()) {
        bool well;
        const auto fast = DecodeAll(c, bytes, stream.size(), kernel, &well);
        EXPECT_EQ(well, slow_well) << static_cast<int>(kernel);
        EXPECT_TRUE(!well || fast == slow) << tokens << " " << static_cast<int>(kernel);
      }
    }
  }
}

}  // namespace
}  // namespace grouter
