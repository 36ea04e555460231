#include "kernels/rows.h"

#include <gtest/gtest.h>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

// Strides above the width: what lies between must stay.
TEST(CudaRows, GatherIsTheCpuTwinsBits) {
  const DeviceKernels kernels;
  for (int64_t rows : {0, 1, 9}) {
    for (int64_t width : {1, 33, 200}) {
      Random random(rows * 1000 + width);
      std::vector<int32_t> index(rows);
      for (int32_t& row : index) row = static_cast<int32_t>(random.Below(5));
      const auto in = RandomFloats(1, 5 * (width + 3));
      std::vector<float> out(rows * (width + 2), -9);
      const DeviceArray<int32_t> on_index(index);
      const DeviceArray<float> on_in(in), on_out(out);
      cpu::GatherRows({rows, width, width + 3, width + 2, index.data(), in.data(), out.data()});
      kernels->GatherRows({rows, width, width + 3, width + 2, on_index.data(), on_in.data(), on_out.data()});
      EXPECT_EQ(on_out.values(), out);
    }
  }
}

// Bits equal the CPU's only if rows that meet are added in ascending order. More rows than a block has
// threads: several tiles.
TEST(CudaRows, ScatterAddsInTheCpuTwinsOrderToTheBit) {
  const DeviceKernels kernels;
  for (int64_t rows : {0, 1, 40, 200}) {
    for (int64_t width : {1, 140}) {
      for (bool scaled : {false, true}) {
        Random random(rows * 1000 + width);
        const uint64_t places = 1 + random.Below(12);
        std::vector<int32_t> index(rows);
        for (int32_t& row : index) row = static_cast<int32_t>(random.Below(places));
        const auto in = RandomFloats(1, rows * (width + 1), 1e4f), scale = RandomFloats(2, rows);
        auto out = RandomFloats(3, places * (width + 2));
        const DeviceArray<int32_t> on_index(index);
        const DeviceArray<float> on_in(in), on_scale(scale), on_out(out);
        cpu::ScatterAddRows({rows, width, width + 1, width + 2, index.data(), scaled ? scale.data() : nullptr,
                             in.data(), out.data()});
        kernels->ScatterAddRows({rows, width, width + 1, width + 2, on_index.data(),
                                 scaled ? on_scale.data() : nullptr, on_in.data(), on_out.data()});
        EXPECT_EQ(on_out.values(), out);
      }
    }
  }
}

}  // namespace
}  // namespace grouter
