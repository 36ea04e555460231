#include "routing/network/tensors/adamw.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace grouter {
namespace {

TEST(LearningRateAt, WarmsUpLinearlyAndDecaysAsACosine) {
  AdamWOptions options;
  options.learning_rate = 1.0;
  options.final_share = 0.1;
  options.num_steps = 110;
  options.warmup_steps = 10;
  EXPECT_DOUBLE_EQ(LearningRateAt(options, 0), 0.1);
  EXPECT_DOUBLE_EQ(LearningRateAt(options, 9), 1.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(options, 10), 1.0);
  EXPECT_NEAR(LearningRateAt(options, 60), 0.55, 1e-12);
  EXPECT_NEAR(LearningRateAt(options, 110), 0.1, 1e-12);
  EXPECT_NEAR(LearningRateAt(options, 1000), 0.1, 1e-12);
}

at::Tensor Parameter(double value) { return at::full({2, 2}, value, at::kFloat).requires_grad_(true); }

TEST(AdamW, FirstStepMovesEachValueByTheRateAgainstItsGradient) {
  AdamWOptions options;
  options.learning_rate = 0.1;
  options.weight_decay = 0;
  at::Tensor weight = Parameter(1.0);
  AdamW optimizer({weight}, options);
  weight.mutable_grad() = at::full({2, 2}, 0.01, at::kFloat);
  EXPECT_NEAR(optimizer.Step(), 0.02, 1e-6);
  EXPECT_NEAR(weight.data_ptr<float>()[3], 0.9, 1e-4);
  EXPECT_FALSE(weight.grad().defined());
}

TEST(AdamW, DecaysMatricesButNotVectors) {
  AdamWOptions options;
  options.learning_rate = 0.1;
  options.weight_decay = 0.5;
  at::Tensor matrix = Parameter(1.0);
  at::Tensor vector = at::full({2}, 1.0, at::kFloat).requires_grad_(true);
  AdamW optimizer({matrix, vector}, options);
  matrix.mutable_grad() = at::full({2, 2}, 0.0, at::kFloat);
  vector.mutable_grad() = at::full({2}, 0.0, at::kFloat);
  optimizer.Step();
  EXPECT_NEAR(matrix.data_ptr<float>()[0], 1 - 0.1 * 0.5, 1e-6);
  EXPECT_EQ(vector.data_ptr<float>()[0], 1.0f);
}

TEST(AdamW, ANormThatIsNotFiniteChangesNothing) {
  at::Tensor weight = Parameter(1.0);
  AdamW optimizer({weight}, AdamWOptions());
  weight.mutable_grad() = at::full({2, 2}, std::numeric_limits<double>::infinity(), at::kFloat);
  EXPECT_FALSE(std::isfinite(optimizer.Step()));
  EXPECT_EQ(weight.data_ptr<float>()[0], 1.0f);
}

TEST(AdamW, FindsTheMinimumOfABowl) {
  AdamWOptions options;
  options.learning_rate = 0.1;
  options.num_steps = 200;
  options.weight_decay = 0;
  at::Tensor weight = Parameter(3.0);
  AdamW optimizer({weight}, options);
  for (int i = 0; i < 200; ++i) {
    (weight - 1.0).square().sum().backward();
    optimizer.Step();
  }
  EXPECT_NEAR(weight.data_ptr<float>()[0], 1.0, 0.02);
}

}  // namespace
}  // namespace grouter
