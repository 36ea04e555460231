#include "tools/placement_report/placement_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace grouter {
namespace {

using Matrix = std::vector<std::vector<uint64_t>>;

TEST(BinPairsTest, FewExpertsKeepABinEach) {
  const std::vector<CoactivationPair> pairs = {{0, 1, 5}, {1, 2, 7}};
  EXPECT_EQ(BinPairs(pairs, {0, 1, 2}), (Matrix{{0, 5, 0}, {5, 0, 7}, {0, 7, 0}}));
  EXPECT_EQ(BinPairs(pairs, {2, 1, 0}), (Matrix{{0, 7, 0}, {7, 0, 5}, {0, 5, 0}}));
}

TEST(BinPairsTest, ManyExpertsShareBinsAndNothingIsLost) {
  std::vector<uint32_t> position(1000);
  std::iota(position.begin(), position.end(), 0);
  std::vector<CoactivationPair> pairs;
  uint64_t total = 0;
  for (uint32_t e = 0; e + 1 < 1000; ++e) {
    pairs.push_back({e, e + 1, e});
    total += e;
  }
  const Matrix matrix = BinPairs(pairs, position);
  ASSERT_EQ(matrix.size(), kMostBins);
  uint64_t sum = 0;
  for (size_t a = 0; a < matrix.size(); ++a) {
    for (size_t b = a; b < matrix.size(); ++b) {
      sum += matrix[a][b];
      EXPECT_EQ(matrix[a][b], matrix[b][a]);
    }
  }
  EXPECT_EQ(sum, total);
}

TEST(ShareOnOneRankTest, AReplicaBringsTwoExpertsTogether) {
  const std::vector<CoactivationPair> pairs = {{0, 1, 30}, {0, 2, 10}};
  EXPECT_EQ(ShareOnOneRank(pairs, LayerPlacement::Make(3, {{0, 1}, {2}}).value()), 0.75);
  EXPECT_EQ(ShareOnOneRank(pairs, LayerPlacement::Make(3, {{0, 1}, {2, 0}}).value()), 1);
  EXPECT_EQ(ShareOnOneRank({}, LayerPlacement::Contiguous(3, 2)), 0);
}

}  // namespace
}  // namespace grouter
