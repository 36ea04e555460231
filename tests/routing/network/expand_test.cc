#include "routing/network/expand.h"

#include <gtest/gtest.h>

#include <cmath>

#include "routing/network/router_network.h"
#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

TEST(ClusterCenters, FindsClustersThatLieApart) {
  Random random(1);
  const std::vector<std::vector<float>> wanted = {{0, 0}, {10, 0}, {0, 10}};
  std::vector<float> points;
  for (int i = 0; i < 90; ++i) {
    for (const float base : wanted[i % 3])
      points.push_back(base + static_cast<float>(random.Uniform()) - 0.5f);
  }
  const std::vector<float> centers = ClusterCenters(points, 2, 3, 50, 1);
  for (const auto& center : wanted) {
    double nearest = 1e9;
    for (int c = 0; c < 3; ++c) {
      nearest =
          std::min<double>(nearest, std::hypot(centers[2 * c] - center[0], centers[2 * c + 1] - center[1]));
    }
    EXPECT_LT(nearest, 0.3);
  }
  EXPECT_EQ(ClusterCenters(points, 2, 3, 50, 1), centers);
}

TEST(ClusterCenters, EqualPointsAndAsManyCentersAsPointsWork) {
  const std::vector<float> points = {1, 1, 1, 1, 1, 1};
  EXPECT_EQ(ClusterCenters(points, 2, 3, 5, 1), points);
}

double DotRows(const std::vector<float>& a, size_t i, const std::vector<float>& b, size_t j, size_t size) {
  double sum = 0;
  for (size_t h = 0; h < size; ++h) sum += a[i * size + h] * b[j * size + h];
  return sum;
}

TEST(NewScoreRows, AreOrthogonalToOldRowsAndEachOtherWithTheirMeanNorm) {
  Random random(2);
  std::vector<float> old_rows(3 * 8), centers(2 * 8);
  for (float& v : old_rows) v = static_cast<float>(random.Uniform() - 0.5);
  for (float& v : centers) v = static_cast<float>(random.Uniform() - 0.5);
  const std::vector<float> rows = NewScoreRows(old_rows, centers, 8);
  ASSERT_EQ(rows.size(), centers.size());
  double mean_norm = 0;
  for (size_t r = 0; r < 3; ++r) mean_norm += std::sqrt(DotRows(old_rows, r, old_rows, r, 8)) / 3;
  for (size_t r = 0; r < 2; ++r) {
    EXPECT_NEAR(std::sqrt(DotRows(rows, r, rows, r, 8)), mean_norm, 1e-5);
    for (size_t o = 0; o < 3; ++o) EXPECT_NEAR(DotRows(rows, r, old_rows, o, 8), 0, 1e-5);
  }
  EXPECT_NEAR(DotRows(rows, 0, rows, 1, 8), 0, 1e-5);
}

TEST(NewScoreRows, KeepTheCenterWhereNoDirectionIsLeft) {
  const std::vector<float> rows = NewScoreRows({2, 0, 0, 2}, {3, 4}, 2);
  EXPECT_NEAR(rows[0], 2 * 0.6, 1e-6);
  EXPECT_NEAR(rows[1], 2 * 0.8, 1e-6);
}

TEST(Expand, OldScoresStayAndNewExpertsServeTokens) {
  const MemorySamples samples = RandomSamples(3, 8, 40, 50);
  Router router = SmallRouter();
  router.tensors[kSelectionBias] = {{8}, std::vector<float>(8, 0.5f)};
  ExpandOptions options;
  options.num_experts = 12;
  const auto result = Expand(router, samples, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->metrics.num_tokens, 320u);
  EXPECT_EQ(result->metrics.num_worst_tokens, 64u);
  EXPECT_GT(result->metrics.new_expert_share, 0);
  EXPECT_EQ(result->router.selection_bias().size(), 12u);
  SampleTokens sample;
  ASSERT_TRUE(samples.Read(0, &sample).ok());
  const std::vector<float> before = *RouterNetwork(router).Scores(sample);
  const std::vector<float> after = *RouterNetwork(result->router).Scores(sample);
  for (size_t t = 0; t < sample.tokens.size(); ++t) {
    for (size_t e = 0; e < 8; ++e) EXPECT_NEAR(after[t * 12 + e], before[t * 8 + e], 1e-4);
  }
}

TEST(Expand, RefusesWhatIsNoExpansion) {
  const MemorySamples samples = RandomSamples(3, 1, 4, 50);
  ExpandOptions options;
  options.num_experts = 8;
  EXPECT_EQ(Expand(SmallRouter(), samples, options).status().code(), absl::StatusCode::kInvalidArgument);
  options.num_experts = 100;  // more new experts than tokens
  EXPECT_EQ(Expand(SmallRouter(), samples, options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
