#include "kernels/norm.h"

#include <gtest/gtest.h>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

struct Shape {
  int64_t rows, width;
};
constexpr Shape kShapes[] = {{0, 5}, {1, 1}, {3, 33}, {11, 130}, {2, 64}};

TEST(CudaRmsNorm, IsTheCpuTwinAndGivesTheSameBitsAgain) {
  const DeviceKernels kernels;
  for (const auto& [rows, width] : kShapes) {
    const auto x = RandomFloats(1, rows * width, 3), gain = RandomFloats(2, width);
    std::vector<float> y(rows * width), inverse(rows);
    cpu::RmsNorm({rows, width, 1e-6f, x.data(), gain.data(), y.data(), inverse.data()});
    const DeviceArray<float> dx(x), dgain(gain), dy(rows * width), dinverse(rows), again(rows * width);
    kernels->RmsNorm({rows, width, 1e-6f, dx.data(), dgain.data(), dy.data(), dinverse.data()});
    kernels->RmsNorm({rows, width, 1e-6f, dx.data(), dgain.data(), again.data(), dinverse.data()});
    ExpectNear(dy.values(), y, 1e-5f);
    ExpectNear(dinverse.values(), inverse, 1e-5f);
    EXPECT_EQ(dy.values(), again.values());
  }
}

TEST(CudaRmsNorm, BackwardAddsTheCpuTwinsGradients) {
  const DeviceKernels kernels;
  for (const auto& [rows, width] : kShapes) {
    const auto x = RandomFloats(1, rows * width, 3), gain = RandomFloats(2, width),
               dy = RandomFloats(3, rows * width);
    std::vector<float> y(rows * width), inverse(rows);
    cpu::RmsNorm({rows, width, 1e-6f, x.data(), gain.data(), y.data(), inverse.data()});
    auto dx = RandomFloats(4, rows * width), dgain = RandomFloats(5, width);
    const DeviceArray<float> on_x(x), on_gain(gain), on_inverse(inverse), on_dy(dy), on_dx(dx),
        on_dgain(dgain);
    cpu::RmsNormBackward(
        {rows, width, x.data(), gain.data(), inverse.data(), dy.data(), dx.data(), dgain.data()});
    kernels->RmsNormBackward({rows, width, on_x.data(), on_gain.data(), on_inverse.data(), on_dy.data(),
                              on_dx.data(), on_dgain.data()});
    ExpectNear(on_dx.values(), dx, 1e-5f);
    ExpectNear(on_dgain.values(), dgain, 1e-5f);
  }
}

TEST(CudaRope, IsTheCpuTwinsBitsForthAndBack) {
  const DeviceKernels kernels;
  for (int64_t rows : {0, 1, 7}) {
    const int64_t heads = 3, head_size = 10, stride = 37;
    const auto cosines = RandomFloats(1, 20 * head_size / 2), sines = RandomFloats(2, 20 * head_size / 2);
    std::vector<int32_t> positions;
    for (int64_t t = 0; t < rows; ++t) positions.push_back(static_cast<int32_t>((t * 7) % 20));
    auto x = RandomFloats(3, rows * stride);
    const DeviceArray<float> on_cosines(cosines), on_sines(sines), on_x(x);
    const DeviceArray<int32_t> on_positions(positions);
    for (bool inverse : {false, true}) {
      cpu::Rope({rows, heads, head_size, stride, positions.data(), cosines.data(), sines.data(), x.data(),
                 inverse});
      kernels->Rope({rows, heads, head_size, stride, on_positions.data(), on_cosines.data(), on_sines.data(),
                     on_x.data(), inverse});
      EXPECT_EQ(on_x.values(), x);
    }
  }
}

}  // namespace
}  // namespace grouter
