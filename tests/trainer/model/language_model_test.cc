#include "trainer/model/language_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/trainer/model/small_model.h"

namespace grouter {
namespace testing {
namespace {

// Compares the gradient with differences along a random direction in `weights`, a block of parameters.
void ExpectDerivative(const std::string& what, const std::function<double()>& loss, float* weights,
                      const std::vector<float>& gradient) {
  Random random(Mix64(gradient.size()), what.size());
  std::vector<float> direction(gradient.size()), saved(weights, weights + gradient.size());
  double expected = 0;
  for (size_t i = 0; i < gradient.size(); ++i) {
    direction[i] = random.Below(2) == 0 ? -1.0f : 1.0f;
    if (random.Below(3) == 0 && gradient[i] != 0) direction[i] = gradient[i] > 0 ? 1.0f : -1.0f;
    expected += double{direction[i]} * gradient[i];
  }
  const float step = 2e-3f / std::sqrt(static_cast<float>(gradient.size()));
  for (size_t i = 0; i < gradient.size(); ++i) weights[i] = saved[i] + step * direction[i];
  const double above = loss();
  for (size_t i = 0; i < gradient.size(); ++i) weights[i] = saved[i] - step * direction[i];
  const double below = loss();
  std::copy(saved.begin(), saved.end(), weights);
  const double measured = (above - below) / (2 * step);
  EXPECT_NEAR(measured, expected, 0.02 * std::abs(expected) + 0.02) << what;
}

struct GradientCase {
  RoutingMode mode;
  bool stored;
};

TEST(LanguageModel, GradientIsTheDerivativeOfTheLossForEveryParameter) {
  for (const GradientCase& c : {GradientCase{RoutingMode::kPlan, false},
                                {RoutingMode::kPlan, true},
                                {RoutingMode::kLearned, false}}) {
    SmallModel small(c.mode, {});
    MicroBatchInput input = SmallInput(small.config(), {4, 4, 7}, 5);
    input.labels[3] = -1;
    if (c.mode == RoutingMode::kPlan) small.Route(&input, 3, c.stored);
    const StepScale scale = {14, 15};
    const auto loss = [&] { return small.Evaluate(input).value().loss / scale.num_loss_tokens; };
    const auto sums = small.Train(input, scale);
    ASSERT_TRUE(sums.ok()) << sums.status();
    EXPECT_NEAR(sums->loss / scale.num_loss_tokens, loss(), 1e-6);
    DenseParameters& dense = small.parameters();
    const std::vector<float> all(dense.gradients(), dense.gradients() + dense.size());
    for (const ParameterSpec& spec : dense.specs()) {
      const std::vector<float> gradient(all.begin() + spec.offset, all.begin() + spec.offset + spec.size());
      if (c.stored && spec.name.find("gate") != std::string::npos) {
        EXPECT_EQ(gradient, std::vector<float>(gradient.size(), 0)) << spec.name;
        continue;
      }
      ExpectDerivative(spec.name, loss, dense.weights() + spec.offset, gradient);
    }
    for (uint32_t l = 0; l < 2; ++l) {
      for (uint32_t e = 0; e < 5; ++e) {
        const ExpertPage page = *small.experts().Acquire({l, e});
        const std::vector<float> gradient(page.gradients,
                                          page.gradients + small.config().expert_shape().size());
        ExpectDerivative("expert", loss, page.weights, gradient);
      }
    }
  }
}

TEST(LanguageModel, ATokenSeesTheEarlierTokensOfItsSegmentAndNothingElse) {
  SmallModel small(RoutingMode::kPlan, {});
  MicroBatchInput input = SmallInput(small.config(), {5, 6}, 7);
  small.Route(&input, 2, false);
  // Only the label at `at` counts.
  const auto loss_at = [&](uint32_t at, const MicroBatchInput& from) {
    MicroBatchInput one = from;
    for (uint32_t t = 0; t < one.num_tokens(); ++t) {
      if (t != at) one.labels[t] = -1;
    }
    return small.Evaluate(one).value().loss;
  };
  for (uint32_t changed = 0; changed < input.num_tokens(); ++changed) {
    MicroBatchInput other = input;
    other.tokens[changed] = (other.tokens[changed] + 1) % 40;
    for (uint32_t at = 0; at < input.num_tokens(); ++at) {
      const bool sees = changed <= at && (changed < 5) == (at < 5);
      if (sees) {
        EXPECT_NE(loss_at(at, input), loss_at(at, other)) << changed << " is not seen at " << at;
      } else {
        EXPECT_EQ(loss_at(at, input), loss_at(at, other)) << changed << " leaks to " << at;
      }
    }
  }
}

TEST(LanguageModel, TheBalanceLossPullsTowardsEvenShares) {
  LearnedRouting learned;
  learned.balance_coefficient = 1;
  learned.z_coefficient = 0.1f;
  SmallModel small(RoutingMode::kLearned, learned);
  MicroBatchInput input = SmallInput(small.config(), {12}, 5);
  std::fill(input.labels.begin(), input.labels.end(), -1);  // only the router's losses are left
  const StepScale scale = {0, 12};
  double first = 0, last = 0;
  for (int step = 0; step < 30; ++step) {
    const auto sums = small.Train(input, scale);
    ASSERT_TRUE(sums.ok());
    if (step == 0) first = sums->balance;
    last = sums->balance;
    DenseParameters& dense = small.parameters();
    for (uint64_t i = 0; i < dense.size(); ++i) {
      dense.weights()[i] -= 0.05f * dense.gradients()[i];
      dense.gradients()[i] = 0;
    }
  }
  EXPECT_LT(last, first);
  EXPECT_GE(last, 2 * 0.9);  // two layers, each 1 when even
}

TEST(LanguageModel, NoTokensAndBadTokensAreHandled) {
  SmallModel small(RoutingMode::kLearned, {});
  const auto none = small.Train(MicroBatchInput(), {1, 1});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->loss, 0);
  MicroBatchInput input = SmallInput(small.config(), {3}, 1);
  input.tokens[1] = 40;
  EXPECT_TRUE(absl::IsInvalidArgument(small.Evaluate(input).status()));
  input.tokens[1] = 4;
  input.positions[2] = 32;
  EXPECT_TRUE(absl::IsInvalidArgument(small.Evaluate(input).status()));
}

}  // namespace
}  // namespace testing
}  // namespace grouter
