#include "routing/balance.h"

#include <gtest/gtest.h>

#include "io/random.h"

namespace grouter {
namespace {

TEST(MaxVio, IsHowFarTheBusiestExpertLiesAboveTheMean) {
  EXPECT_DOUBLE_EQ(MaxVio({5, 5, 5, 5}), 0.0);
  EXPECT_DOUBLE_EQ(MaxVio({8, 4, 4, 0}), 1.0);
  EXPECT_DOUBLE_EQ(MaxVio({0, 0, 0, 4}), 3.0);
}

TEST(MaxVio, WithoutLoadIsZero) {
  EXPECT_EQ(MaxVio({}), 0.0);
  EXPECT_EQ(MaxVio({0, 0}), 0.0);
}

TEST(Balancedness, IsTheMeanOverTheLargestPerLayerThenTheMeanOverLayers) {
  EXPECT_DOUBLE_EQ(Balancedness({4, 4}), 1.0);
  EXPECT_DOUBLE_EQ(Balancedness({8, 0}), 0.5);
  const std::vector<std::vector<uint64_t>> layers = {{8, 0}, {0, 8}, {4, 4}, {0, 0}};
  EXPECT_DOUBLE_EQ(Balancedness(layers), (0.5 + 0.5 + 1.0 + 1.0) / 4);
  EXPECT_EQ(Balancedness(std::vector<std::vector<uint64_t>>()), 1.0);
}

TEST(Balance, TheTwoFiguresAgreeOnAnyLoad) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<uint64_t> load(1 + random.Below(40));
    for (uint64_t& l : load) l = 1 + random.Below(1 << 20);
    EXPECT_NEAR(Balancedness(absl::MakeConstSpan(load)), 1 / (1 + MaxVio(load)), 1e-12);
    EXPECT_GE(MaxVio(load), 0);
    EXPECT_LE(MaxVio(load), load.size() - 1);
  }
}

}  // namespace
}  // namespace grouter
