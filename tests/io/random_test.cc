#include "io/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace grouter {
namespace {

TEST(Random, IsTheSameOnEveryMachine) {
  Random random(0);  // the first outputs of SplitMix64 seeded with 0, as published
  EXPECT_EQ(random.Next(), 0xE220A8397B1DCDAFull);
  EXPECT_EQ(random.Next(), 0x6E789E6AA1B965F4ull);
  EXPECT_EQ(random.Next(), 0x06C45D188009454Full);
}

TEST(Random, PurposesOfOneSeedGiveDifferentStreams) {
  EXPECT_NE(Random(1, 0).Next(), Random(1, 1).Next());
  EXPECT_NE(Random(1, 0).Next(), Random(2, 0).Next());
  EXPECT_EQ(Random(1, 5).Next(), Random(1, 5).Next());
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  Random random(9);
  for (const uint64_t bound : {1ull, 2ull, 3ull, 10ull, 1000ull}) {
    std::vector<int> seen(bound, 0);
    for (uint64_t i = 0; i < bound * 30; ++i) ++seen.at(random.Below(bound));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 0) << bound;
  }
  EXPECT_LT(random.Below(UINT64_MAX), UINT64_MAX);
}

TEST(Random, UniformHasTheRightMeanAndRange) {
  Random random(4);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.Uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(Random, ShuffleKeepsEveryElementAndReachesEveryOrder) {
  Random random(5);
  std::vector<std::vector<int>> orders;
  for (int i = 0; i < 200; ++i) {
    std::vector<int> values = {0, 1, 2};
    random.Shuffle(&values);
    orders.push_back(values);
    std::sort(values.begin(), values.end());
    ASSERT_EQ(values, (std::vector<int>{0, 1, 2}));
  }
  std::sort(orders.begin(), orders.end());
  EXPECT_EQ(std::unique(orders.begin(), orders.end()) - orders.begin(), 6);
}

}  // namespace
}  // namespace grouter
