#include "kernels/gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(SelectTopk, EqualsSortingForAnyShapeAndTiesGoToTheLowerId) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const int64_t tokens = 5, experts = 2 + random.Below(30),
                  k = random.Below(std::min<int64_t>(experts, 16) + 1);
    std::vector<float> scores(tokens * experts), bias(experts);
    for (float& score : scores) score = static_cast<float>(random.Below(6));  // many ties
    for (float& b : bias) b = static_cast<float>(random.Below(3));
    const bool biased = seed % 2 == 0;
    std::vector<int32_t> ids(tokens * k, -7);
    cpu::SelectTopk({tokens, experts, k, scores.data(), biased ? bias.data() : nullptr, ids.data()});
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<int32_t> order(experts);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return scores[t * experts + a] + (biased ? bias[a] : 0) >
               scores[t * experts + b] + (biased ? bias[b] : 0);
      });
      order.resize(k);
      EXPECT_EQ(std::vector<int32_t>(ids.begin() + t * k, ids.begin() + (t + 1) * k), order);
    }
  }
}

TEST(GateWeights, AreASoftmaxOverTheSelectedAndBackwardIsItsDerivative) {
  const int64_t experts = 5, k = 3;
  const std::vector<int32_t> ids = {4, 0, 2, 1, -1, -1, -1, -1, -1};  // 3, 1 and no expert
  const auto scores = RandomFloats(1, 3 * experts, 3), dweights = RandomFloats(2, 3 * k);
  std::vector<float> weights(3 * k), dscores(3 * experts, 1);
  cpu::GateWeights({3, experts, k, scores.data(), ids.data(), weights.data()});
  cpu::GateWeightsBackward({3, experts, k, ids.data(), weights.data(), dweights.data(), dscores.data()});
  const auto loss = [&](const std::vector<double>& at) {
    double sum = 0;
    for (int t = 0; t < 3; ++t) {
      double total = 0;
      for (int j = 0; j < k; ++j)
        total += ids[t * k + j] < 0 ? 0 : std::exp(at[t * experts + ids[t * k + j]]);
      for (int j = 0; j < k; ++j) {
        if (ids[t * k + j] >= 0)
          sum += dweights[t * k + j] * std::exp(at[t * experts + ids[t * k + j]]) / total;
      }
    }
    return sum;
  };
  const auto expected = Derivative(loss, Doubles(scores));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(dscores[i] - 1, expected[i], 1e-5);
  EXPECT_NEAR(weights[0] + weights[1] + weights[2], 1, 1e-6);
  EXPECT_EQ(weights[3], 1);
  for (int i = 4; i < 9; ++i) EXPECT_EQ(weights[i], 0);
}

TEST(RouterLoss, GradientIsTheDerivativeOfBothLosses) {
  const int64_t tokens = 3, experts = 7;
  const auto scores = RandomFloats(1, tokens * experts, 2);
  auto share = RandomFloats(2, experts);
  for (float& s : share) s = std::abs(s);
  std::vector<float> dscores(tokens * experts, 0);
  double balance = 0, z = 0;
  cpu::RouterLoss({tokens, experts, 0.7f, 0.3f, scores.data(), share.data(), dscores.data(), &balance, &z});
  const auto loss = [&](const std::vector<double>& at) {
    double sum = 0;
    for (int t = 0; t < tokens; ++t) {
      double total = 0, shared = 0;
      for (int e = 0; e < experts; ++e) {
        total += std::exp(at[t * experts + e]);
        shared += std::exp(at[t * experts + e]) * share[e];
      }
      sum += 0.7 * shared / total + 0.3 * std::log(total) * std::log(total);
    }
    return sum;
  };
  EXPECT_NEAR(balance + z, loss(Doubles(scores)), 1e-5);
  const auto expected = Derivative(loss, Doubles(scores));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(dscores[i], expected[i], 1e-5);
}

}  // namespace
}  // namespace grouter
