#include "routing/planning/batch/sample_order.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

TEST(SamplePermutationTest, IsAPermutationOfAnySize) {
  for (uint64_t size : {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097}) {
    const SamplePermutation permutation(size, 7, 0, 0);
    std::vector<uint8_t> seen(size, 0);
    for (uint64_t i = 0; i < size; ++i) {
      ASSERT_LT(permutation.At(i), size);
      EXPECT_EQ(seen[permutation.At(i)]++, 0) << size;
    }
  }
}

TEST(SamplePermutationTest, SeedTableAndEpochEachGiveAnotherOrder) {
  const auto list = [](uint64_t seed, uint64_t table, uint64_t epoch) {
    const SamplePermutation permutation(500, seed, table, epoch);
    std::vector<uint64_t> values;
    for (uint64_t i = 0; i < 500; ++i) values.push_back(permutation.At(i));
    return values;
  };
  const std::set<std::vector<uint64_t>> orders = {list(1, 0, 0), list(2, 0, 0), list(1, 1, 0), list(1, 0, 1)};
  EXPECT_EQ(orders.size(), 4u);
}

TEST(SamplePermutationTest, NeighboursLandFarApart) {
  const uint64_t size = 100000;
  const SamplePermutation permutation(size, 3, 0, 0);
  double distance = 0;
  for (uint64_t i = 1; i < size; ++i) {
    const uint64_t a = permutation.At(i - 1), b = permutation.At(i);
    distance += a > b ? a - b : b - a;
  }
  // A uniform shuffle's mean distance is a third of the size.
  EXPECT_NEAR(distance / size, size / 3.0, size * 0.01);
}

TEST(BlendOrderTest, CountsAndPositionsAreInverseAndFollowTheWeights) {
  Random random(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<uint64_t> weights(1 + random.Below(5));
    uint64_t total = 0;
    for (uint64_t& weight : weights) total += weight = 1 + random.Below(20);
    const BlendOrder blend(weights);
    std::vector<uint64_t> counts(weights.size(), 0);
    for (uint64_t p = 0; p < 300; ++p) {
      EXPECT_EQ(blend.CountsBefore(p), counts);
      for (size_t t = 0; t < weights.size(); ++t) {
        EXPECT_NEAR(static_cast<double>(counts[t]), p * 1.0 * weights[t] / total, 1.5 + weights.size() / 4.0);
      }
      const uint32_t table = blend.TableAfter(counts);
      EXPECT_EQ(blend.PositionOf(table, counts[table]), p);
      ++counts[table];
    }
  }
}

TEST(BlendOrderTest, FarPositionsAndLargeWeightsDoNotOverflow) {
  const BlendOrder blend({UINT32_MAX, 1, UINT32_MAX - 7});
  const uint64_t far = uint64_t{1} << 58;
  const auto counts = blend.CountsBefore(far);
  EXPECT_EQ(counts[0] + counts[1] + counts[2], far);
  const uint32_t table = blend.TableAfter(counts);
  EXPECT_EQ(blend.PositionOf(table, counts[table]), far);
}

TEST(SampleOrderTest, AnyRangeIsAPartOfTheWhole) {
  const SampleOrder order(5, {13, 29, 7}, {3, 2, 1});
  const auto whole = order.Range(0, 400);
  Random random(6);
  for (int round = 0; round < 100; ++round) {
    const uint64_t first = random.Below(400), count = random.Below(400 - first);
    const auto part = order.Range(first, count);
    for (uint64_t i = 0; i < count; ++i) {
      EXPECT_EQ(part[i].table, whole[first + i].table);
      EXPECT_EQ(part[i].index, whole[first + i].index);
      EXPECT_EQ(part[i].epoch, whole[first + i].epoch);
    }
  }
}

TEST(SampleOrderTest, EveryTableGivesEverySampleOncePerEpochOfItsOwn) {
  const SampleOrder order(5, {13, 29}, {3, 2});
  std::set<std::tuple<uint32_t, uint64_t, uint64_t>> seen;
  for (const OrderedSample& s : order.Range(0, 200))
    EXPECT_TRUE(seen.emplace(s.table, s.epoch, s.index).second);
  uint64_t first_epoch = 0;
  for (const OrderedSample& s : order.Range(0, order.EndOfEpoch(0))) first_epoch += s.table == 0;
  EXPECT_EQ(first_epoch, 13u);
  EXPECT_GT(order.EndOfEpoch(order.EndOfEpoch(0)), order.EndOfEpoch(0));
}

}  // namespace
}  // namespace grouter
