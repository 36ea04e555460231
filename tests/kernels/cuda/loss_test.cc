#include "kernels/loss.h"

#include <gtest/gtest.h>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(CudaCrossEntropy, IsTheCpuTwinForAnyWidthAndLabelsThatDoNotCount) {
  const DeviceKernels kernels;
  for (int64_t rows : {0, 1, 4}) {
    for (int64_t classes : {1, 33, 1300}) {
      for (bool want_gradient : {false, true}) {
        auto logits = RandomFloats(1, rows * classes, 8);
        std::vector<int32_t> labels;
        for (int64_t t = 0; t < rows; ++t) {
          labels.push_back(t == 2 ? -1 : static_cast<int32_t>((t * 17 + classes - 1) % classes));
        }
        std::vector<float> losses(rows, -1);
        const DeviceArray<float> on_logits(logits), on_losses(losses);
        const DeviceArray<int32_t> on_labels(labels);
        cpu::CrossEntropy({rows, classes, labels.data(), 0.25f, want_gradient, logits.data(), losses.data()});
        kernels->CrossEntropy(
            {rows, classes, on_labels.data(), 0.25f, want_gradient, on_logits.data(), on_losses.data()});
        ExpectNear(on_losses.values(), losses, 1e-5f);
        ExpectNear(on_logits.values(), logits, 1e-5f);
      }
    }
  }
}

}  // namespace
}  // namespace grouter
