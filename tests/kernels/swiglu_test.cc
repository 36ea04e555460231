#include "kernels/swiglu.h"

#include <gtest/gtest.h>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

double Silu(double x) { return x / (1 + std::exp(-x)); }

TEST(Swiglu, ForwardAndBackwardEqualTheFormulaForAnyWidth) {
  for (int64_t width : {1, 15, 16, 40}) {
    const int64_t rows = 3;
    const auto gate_up = RandomFloats(1, rows * 2 * width, 4), da = RandomFloats(2, rows * width);
    const auto weight = RandomFloats(3, rows);
    std::vector<float> a(rows * width), weighted(rows * width), dgate_up(rows * 2 * width), dweight(rows);
    cpu::Swiglu({rows, width, gate_up.data(), a.data()});
    cpu::SwigluBackward({rows, width, gate_up.data(), da.data(), weight.data(), weighted.data(),
                         dgate_up.data(), dweight.data()});
    // loss = sum_t weight[t] * <da[t], a[t]>; `values` are gate_up then weight.
    const auto loss = [&](const std::vector<double>& values) {
      double sum = 0;
      for (int64_t t = 0; t < rows; ++t) {
        for (int64_t i = 0; i < width; ++i) {
          const double value = Silu(values[t * 2 * width + i]) * values[t * 2 * width + width + i];
          sum += values[rows * 2 * width + t] * da[t * width + i] * value;
        }
      }
      return sum;
    };
    std::vector<double> values = Doubles(gate_up);
    for (float w : weight) values.push_back(w);
    const auto expected = Derivative(loss, values);
    for (size_t i = 0; i < dgate_up.size(); ++i) EXPECT_NEAR(dgate_up[i], expected[i], 1e-4);
    for (int64_t t = 0; t < rows; ++t) EXPECT_NEAR(dweight[t], expected[rows * 2 * width + t], 1e-3);
    for (int64_t t = 0; t < rows; ++t) {
      for (int64_t i = 0; i < width; ++i) {
        EXPECT_NEAR(a[t * width + i], Silu(gate_up[t * 2 * width + i]) * gate_up[t * 2 * width + width + i],
                    1e-5);
        EXPECT_NEAR(weighted[t * width + i], weight[t] * a[t * width + i], 1e-5);
      }
    }
  }
}

TEST(Swiglu, ExtremeGatesStayFinite) {
  const std::vector<float> gate_up = {-200, 200, 3, 3};
  std::vector<float> a(2);
  cpu::Swiglu({1, 2, gate_up.data(), a.data()});
  EXPECT_NEAR(a[0], 0, 1e-30);
  EXPECT_EQ(a[1], 600);
}

}  // namespace
}  // namespace grouter
