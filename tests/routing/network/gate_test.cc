#include "routing/network/gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "io/random.h"

namespace grouter {
namespace {

struct Selection {
  std::vector<uint32_t> ids;
  std::vector<float> weights;
  float margin;
};

Selection Select(const std::vector<float>& scores, const GateRule& rule,
                 const std::vector<float>& bias = {}) {
  Selection selection{std::vector<uint32_t>(rule.k), std::vector<float>(rule.k), 0};
  selection.margin =
      SelectExperts(scores, bias, rule, absl::MakeSpan(selection.ids), absl::MakeSpan(selection.weights));
  return selection;
}

TEST(Gate, SelectsAsASortWouldForRandomScoresWithTies) {
  Random random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<float> scores(2 + random.Below(40));
    for (float& score : scores) score = static_cast<float>(random.Below(12)) - 6;
    GateRule rule;
    rule.k = 1 + static_cast<uint32_t>(random.Below(std::min<size_t>(16, scores.size())));
    std::vector<uint32_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    const Selection selection = Select(scores, rule);
    EXPECT_EQ(selection.ids, std::vector<uint32_t>(order.begin(), order.begin() + rule.k));
    if (rule.k < scores.size()) {
      EXPECT_EQ(selection.margin, scores[order[rule.k - 1]] - scores[order[rule.k]]);
    } else {
      EXPECT_EQ(selection.margin, std::numeric_limits<float>::infinity());
    }
  }
}

TEST(Gate, SoftmaxIsOverTheSelectedAndSumsToTheScalingFactor) {
  GateRule rule;
  rule.k = 2;
  rule.scaling_factor = 2.5;
  const Selection selection = Select({1.0f, 3.0f, -1.0f, 2.0f}, rule);
  EXPECT_EQ(selection.ids, (std::vector<uint32_t>{1, 3}));
  const float e = std::exp(-1.0f);
  EXPECT_NEAR(selection.weights[0], 2.5f / (1 + e), 1e-6);
  EXPECT_NEAR(selection.weights[1], 2.5f * e / (1 + e), 1e-6);
}

TEST(Gate, NormalizedSigmoidWeighsBySigmoids) {
  GateRule rule;
  rule.k = 2;
  rule.scoring = GateScoring::kNormalizedSigmoid;
  const Selection selection = Select({0.0f, 2.0f, -5.0f}, rule);
  const float high = 1 / (1 + std::exp(-2.0f));
  EXPECT_NEAR(selection.weights[0], high / (high + 0.5f), 1e-6);
  EXPECT_NEAR(selection.weights[1], 0.5f / (high + 0.5f), 1e-6);
}

TEST(Gate, HugeScoresGiveFiniteWeights) {
  GateRule rule;
  rule.k = 2;
  const Selection selection = Select({1e30f, -1e30f, 3e38f}, rule);
  EXPECT_EQ(selection.weights, (std::vector<float>{1.0f, 0.0f}));
}

TEST(Gate, TheBiasChoosesButDoesNotWeigh) {
  GateRule rule;
  rule.k = 2;
  const std::vector<float> scores = {1.0f, 3.0f, -1.0f, 2.0f};
  const Selection selection = Select(scores, rule, {0, 0, 10, 0});
  EXPECT_EQ(selection.ids, (std::vector<uint32_t>{2, 1}));
  const float e = std::exp(-4.0f);  // of the scores without the bias
  EXPECT_NEAR(selection.weights[0], e / (1 + e), 1e-6);
  EXPECT_NEAR(selection.weights[1], 1 / (1 + e), 1e-6);
  EXPECT_FLOAT_EQ(selection.margin, 1.0f);
}

}  // namespace
}  // namespace grouter
