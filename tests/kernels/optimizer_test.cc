#include "kernels/optimizer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(AdamW, EqualsTheFormulaOverSeveralSteps) {
  const int64_t size = 37;
  auto weight = RandomFloats(1, size);
  std::vector<float> mean(size, 0), variance(size, 0);
  std::vector<double> w = Doubles(weight), m(size, 0), v(size, 0);
  for (int step = 1; step <= 3; ++step) {
    const auto gradient = RandomFloats(10 + step, size);
    AdamWArgs args;
    args.size = size;
    args.learning_rate = 0.01f;
    args.weight_decay = 0.1f;
    args.gradient_scale = 0.5f;
    args.correction1 = static_cast<float>(1 - std::pow(0.9, step));
    args.correction2 = static_cast<float>(1 - std::pow(0.95, step));
    args.gradient = gradient.data();
    args.weight = weight.data();
    args.mean = mean.data();
    args.variance = variance.data();
    cpu::AdamW(args);
    for (int64_t i = 0; i < size; ++i) {
      const double g = 0.5 * gradient[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.95 * v[i] + 0.05 * g * g;
      const double update =
          (m[i] / (1 - std::pow(0.9, step))) / (std::sqrt(v[i] / (1 - std::pow(0.95, step))) + 1e-8);
      w[i] = w[i] * (1 - 0.01 * 0.1) - 0.01 * update;
      EXPECT_NEAR(weight[i], w[i], 1e-5);
    }
  }
}

TEST(DecideUpdate, ClipsCountsAndMasksWhatIsNotFinite) {
  UpdateDecision decision;
  double squares = 9, loss = 1;
  cpu::DecideUpdate({1.5, 0.9, 0.95, &squares, &loss, &decision});
  EXPECT_EQ(decision.applied, 1);
  EXPECT_EQ(decision.num_updates, 1);
  EXPECT_EQ(decision.gradient_norm, 3);
  EXPECT_EQ(decision.gradient_scale, 0.5f);
  EXPECT_FLOAT_EQ(decision.correction1, 0.1f);
  cpu::DecideUpdate({0, 0.9, 0.95, &squares, &loss, &decision});
  EXPECT_EQ(decision.gradient_scale, 1);
  EXPECT_EQ(decision.num_updates, 2);
  loss = NAN;
  cpu::DecideUpdate({0, 0.9, 0.95, &squares, &loss, &decision});
  EXPECT_EQ(decision.applied, 0);
  EXPECT_EQ(decision.num_updates, 2);
  float gradient = 1, weight = 3, mean = 0, variance = 0;
  AdamWArgs args;
  args.size = 1;
  args.learning_rate = 0.1f;
  args.decision = &decision;
  args.gradient = &gradient;
  args.weight = &weight;
  args.mean = &mean;
  args.variance = &variance;
  cpu::AdamW(args);
  EXPECT_EQ(weight, 3);
  EXPECT_EQ(mean, 0);
}

TEST(Sums, AddAndSquares) {
  const auto x = RandomFloats(1, 35);
  auto y = RandomFloats(2, 35);
  const auto before = y;
  cpu::Add(35, x.data(), y.data());
  double squares = 0;
  for (int i = 0; i < 35; ++i) {
    EXPECT_EQ(y[i], before[i] + x[i]);
    squares += double{x[i]} * x[i];
  }
  double sum = 3, sum_of_squares = 4;
  cpu::AddSum(35, x.data(), &sum);
  cpu::AddSumOfSquares(35, x.data(), &sum_of_squares);
  EXPECT_NEAR(sum, 3 + std::accumulate(x.begin(), x.end(), 0.0), 1e-12);
  EXPECT_NEAR(sum_of_squares, 4 + squares, 1e-12);
  cpu::AddSum(0, nullptr, &sum);
  cpu::AddSumOfSquares(0, nullptr, &sum_of_squares);
  EXPECT_NEAR(sum_of_squares, 4 + squares, 1e-12);
}

}  // namespace
}  // namespace grouter
