#include "kernels/norm.h"

#include <gtest/gtest.h>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

// loss = <dy, rmsnorm(x, gain)> in double precision; `values` are x then gain.
double NormLoss(const std::vector<double>& values, const std::vector<float>& dy, int64_t rows,
                int64_t width) {
  double loss = 0;
  for (int64_t t = 0; t < rows; ++t) {
    double squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += values[t * width + i] * values[t * width + i];
    const double inverse = 1 / std::sqrt(squares / width + 1e-6);
    for (int64_t i = 0; i < width; ++i) {
      loss += dy[t * width + i] * values[t * width + i] * inverse * values[rows * width + i];
    }
  }
  return loss;
}

TEST(RmsNorm, ForwardAndBackwardEqualTheFormulaForAnyWidth) {
  for (int64_t width : {1, 15, 16, 17, 64}) {
    const int64_t rows = 3;
    const auto x = RandomFloats(1, rows * width), gain = RandomFloats(2, width),
               dy = RandomFloats(3, rows * width);
    std::vector<float> y(rows * width), inverse(rows);
    cpu::RmsNorm({rows, width, 1e-6f, x.data(), gain.data(), y.data(), inverse.data()});
    std::vector<double> values = Doubles(x);
    for (float g : gain) values.push_back(g);
    double loss = 0;
    for (size_t i = 0; i < y.size(); ++i) loss += double{dy[i]} * y[i];
    EXPECT_NEAR(loss, NormLoss(values, dy, rows, width), 1e-4);
    std::vector<float> dx(rows * width, 1), dgain(width, 2);  // accumulate
    cpu::RmsNormBackward(
        {rows, width, x.data(), gain.data(), inverse.data(), dy.data(), dx.data(), dgain.data()});
    const auto expected = Derivative([&](const auto& at) { return NormLoss(at, dy, rows, width); }, values);
    for (size_t i = 0; i < dx.size(); ++i)
      EXPECT_NEAR(dx[i] - 1, expected[i], 2e-3 * (1 + std::abs(expected[i])));
    for (int64_t i = 0; i < width; ++i) EXPECT_NEAR(dgain[i] - 2, expected[rows * width + i], 1e-3);
  }
}

TEST(Rope, RotatesPairsByTheirAngleAndBackAgain) {
  const int64_t heads = 2, size = 4, stride = 11;
  const std::vector<int32_t> positions = {0, 2, 1};
  std::vector<float> cosines, sines;
  for (int p = 0; p < 3; ++p) {
    for (double angle : {p * 1.0, p * 0.1}) {
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  const auto before = RandomFloats(4, 3 * stride);
  auto x = before;
  RopeArgs args{3, heads, size, stride, positions.data(), cosines.data(), sines.data(), x.data(), false};
  cpu::Rope(args);
  for (int t = 0; t < 3; ++t) {
    for (int h = 0; h < heads; ++h) {
      for (int i = 0; i < 2; ++i) {
        const double angle = positions[t] * (i == 0 ? 1.0 : 0.1);
        const double a = before[t * stride + h * size + i], b = before[t * stride + h * size + 2 + i];
        EXPECT_NEAR(x[t * stride + h * size + i], a * std::cos(angle) - b * std::sin(angle), 1e-6);
        EXPECT_NEAR(x[t * stride + h * size + 2 + i], b * std::cos(angle) + a * std::sin(angle), 1e-6);
      }
    }
  }
  args.inverse = true;
  cpu::Rope(args);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], before[i], 1e-6);
}

}  // namespace
}  // namespace grouter
