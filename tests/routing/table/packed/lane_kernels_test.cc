#include "routing/table/packed/lane_kernels.h"

#include "gtest/gtest.h"
#include "tests/routing/table/packed/lane_cases.h"

namespace grouter {
namespace {

using testing::DecodeAll;
using testing::LaneCase;
using testing::RandomLanes;

TEST(LaneKernels, GiveThePortableSymbolsOfSoundAndDamagedStreams) {
  if (BestLaneKernel() != LaneKernel::kAvx512Vbmi) GTEST_SKIP() << "this processor has no AVX-512 VBMI";
  Random random(1);
  for (uint64_t tokens : {1024, 1100, 2048, 4096, 4999}) {
    const LaneCase c = RandomLanes(tokens, 1 + static_cast<uint32_t>(random.Below(4)), &random);
    const std::string stream = EncodeLanes(c.codes, c.symbols, tokens);
    for (int round = 0; round < 5; ++round) {
      std::string bytes = stream + std::string(round % 2 == 0 ? 100000 : 0, 'x');
      if (round > 1) bytes[random.Below(stream.size())] ^= static_cast<char>(1 + random.Below(255));
      bool fast_well, slow_well;
      const auto fast = DecodeAll(c, bytes, stream.size(), LaneKernel::kAvx512Vbmi, &fast_well);
      const auto slow = DecodeAll(c, bytes, stream.size(), LaneKernel::kPortable, &slow_well);
      EXPECT_EQ(fast_well, slow_well);
      EXPECT_TRUE(!slow_well || fast == slow) << tokens;
      EXPECT_TRUE(round > 1 || fast_well);
    }
  }
}

}  // namespace
}  // namespace grouter
