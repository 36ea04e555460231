#include "kernels/loss.h"

#include <gtest/gtest.h>

#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(CrossEntropy, LossAndGradientEqualTheFormulaForAnyNumberOfClasses) {
  for (int64_t classes : {2, 16, 33, 1000}) {
    const std::vector<int32_t> labels = {0, static_cast<int32_t>(classes - 1), -1, 1};
    const auto logits = RandomFloats(classes, 4 * classes, 9);
    auto gradient = logits;
    std::vector<float> losses(4), evaluated(4);
    cpu::CrossEntropy({4, classes, labels.data(), 0.5f, true, gradient.data(), losses.data()});
    auto untouched = logits;
    cpu::CrossEntropy({4, classes, labels.data(), 0.5f, false, untouched.data(), evaluated.data()});
    EXPECT_EQ(untouched, logits);
    for (int64_t t = 0; t < 4; ++t) {
      double sum = 0;
      for (int64_t c = 0; c < classes; ++c) sum += std::exp(double{logits[t * classes + c]});
      const double loss = labels[t] < 0 ? 0 : std::log(sum) - logits[t * classes + labels[t]];
      EXPECT_NEAR(losses[t], loss, 2e-5 * (1 + loss));
      EXPECT_NEAR(evaluated[t], loss, 2e-5 * (1 + loss));
      for (int64_t c = 0; c < classes; ++c) {
        const double p = std::exp(double{logits[t * classes + c]}) / sum;
        const double expected = labels[t] < 0 ? 0 : 0.5 * (p - (c == labels[t] ? 1 : 0));
        EXPECT_NEAR(gradient[t * classes + c], expected, 1e-6);
      }
    }
  }
}

TEST(CrossEntropy, LargeLogitsDoNotOverflow) {
  std::vector<float> logits = {1e4f, -1e4f, 9e3f};
  const int32_t label = 1;
  float loss = 0;
  cpu::CrossEntropy({1, 3, &label, 1, true, logits.data(), &loss});
  EXPECT_EQ(loss, 2e4f);
  EXPECT_EQ(logits, (std::vector<float>{1, -1, 0}));
}

}  // namespace
}  // namespace grouter
