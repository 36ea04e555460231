#include "trainer/experts/expert_compute.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

// loss = sum_p weight[p] <dy[p], expert(x[p])>; `v` holds weights, then x, then the gate weights.
double Loss(const std::vector<double>& v, const std::vector<float>& dy, int rows, int d, int f) {
  const double* x = v.data() + 3 * d * f;
  const double* gate_weight = x + rows * d;
  double loss = 0;
  for (int p = 0; p < rows; ++p) {
    for (int i = 0; i < f; ++i) {
      double g = 0, u = 0, down = 0;
      for (int j = 0; j < d; ++j) {
        g += x[p * d + j] * v[i * d + j];
        u += x[p * d + j] * v[(f + i) * d + j];
        down += dy[p * d + j] * v[2 * f * d + j * f + i];
      }
      loss += gate_weight[p] * g / (1 + std::exp(-g)) * u * down;
    }
  }
  return loss;
}

TEST(ExpertCompute, BackwardIsTheDerivativeOfForward) {
  const int rows = 5, d = 4, f = 3;
  const ExpertShape shape = {d, f};
  auto weights = RandomFloats(1, shape.size(), 2);
  std::vector<float> gradients(shape.size(), 1);  // accumulate
  ExpertPage page;
  page.weights = weights.data();
  page.gradients = gradients.data();
  const auto x = RandomFloats(2, rows * d), dy = RandomFloats(3, rows * d), weight = RandomFloats(4, rows);
  std::vector<float> gate_up(rows * 2 * f), a(rows * f), y(rows * d);
  ExpertForwardArgs forward{shape, rows, x.data(), gate_up.data(), a.data(), y.data()};
  ForwardExpert(CpuDevice(), page, forward);
  std::vector<float> da(rows * f), weighted(rows * f), dgate_up(rows * 2 * f), dx(rows * d), dweight(rows);
  ExpertBackwardArgs backward;
  backward.shape = shape;
  backward.num_rows = rows;
  backward.x = x.data();
  backward.gate_up = gate_up.data();
  backward.weight = weight.data();
  backward.dy = dy.data();
  backward.da = da.data();
  backward.weighted_a = weighted.data();
  backward.dgate_up = dgate_up.data();
  backward.dx = dx.data();
  backward.dweight = dweight.data();
  BackwardExpert(CpuDevice(), page, backward);
  std::vector<double> values = Doubles(weights);
  for (const auto* more : {&x, &weight}) values.insert(values.end(), more->begin(), more->end());
  double loss = 0;
  for (int p = 0; p < rows; ++p) {
    for (int j = 0; j < d; ++j) loss += double{weight[p]} * dy[p * d + j] * y[p * d + j];
  }
  EXPECT_NEAR(loss, Loss(values, dy, rows, d, f), 1e-5);
  const auto expected = Derivative([&](const auto& at) { return Loss(at, dy, rows, d, f); }, values);
  for (size_t i = 0; i < shape.size(); ++i) EXPECT_NEAR(gradients[i] - 1, expected[i], 1e-4);
  for (int i = 0; i < rows * d; ++i) EXPECT_NEAR(dx[i], expected[shape.size() + i], 1e-4);
  for (int i = 0; i < rows; ++i) EXPECT_NEAR(dweight[i], expected[shape.size() + rows * d + i], 1e-4);
}

TEST(ExpertCompute, NoRowsTouchNothing) {
  const ExpertShape shape = {4, 3};
  ForwardExpert(CpuDevice(), ExpertPage(), {shape, 0, nullptr, nullptr, nullptr, nullptr});
  ExpertBackwardArgs backward;
  backward.shape = shape;
  BackwardExpert(CpuDevice(), ExpertPage(), backward);
}

}  // namespace
}  // namespace grouter
