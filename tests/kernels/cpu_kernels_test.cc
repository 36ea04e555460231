#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "kernels/norm.h"
#include "kernels/swiglu.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(CpuKernels, AreTheCpuTwins) {
  const int64_t rows = 4, width = 20;
  const auto x = RandomFloats(1, rows * width), gain = RandomFloats(2, width);
  std::vector<float> a(rows * width), b(rows * width), inverse(rows);
  CpuKernels().RmsNorm({rows, width, 1e-6f, x.data(), gain.data(), a.data(), inverse.data()});
  cpu::RmsNorm({rows, width, 1e-6f, x.data(), gain.data(), b.data(), inverse.data()});
  EXPECT_EQ(a, b);
  CpuKernels().Swiglu({rows, width / 2, x.data(), a.data()});
  cpu::Swiglu({rows, width / 2, x.data(), b.data()});
  EXPECT_EQ(a, b);
}

TEST(CpuKernels, GiveTheSameBitsOnEveryCall) {
  const int64_t rows = 3, classes = 999;
  const auto logits = RandomFloats(3, rows * classes, 5);
  const std::vector<int32_t> labels = {5, 998, 0};
  auto first = logits, second = logits;
  std::vector<float> losses(rows), again(rows);
  CpuKernels().CrossEntropy({rows, classes, labels.data(), 1, true, first.data(), losses.data()});
  CpuKernels().CrossEntropy({rows, classes, labels.data(), 1, true, second.data(), again.data()});
  EXPECT_EQ(first, second);
  EXPECT_EQ(losses, again);
}

}  // namespace
}  // namespace grouter
