#include "kernels/swiglu.h"

#include <gtest/gtest.h>

#include "tests/kernels/cuda/device.h"
#include "tests/kernels/numbers.h"

namespace grouter {
namespace {

TEST(CudaSwiglu, ForwardAndBackwardAreTheCpuTwins) {
  const DeviceKernels kernels;
  for (int64_t rows : {0, 1, 5}) {
    for (int64_t width : {1, 33, 150}) {
      auto gate_up = RandomFloats(1, rows * 2 * width, 4);
      if (!gate_up.empty()) gate_up[0] = -200;  // where exp overflows
      const auto da = RandomFloats(2, rows * width), weight = RandomFloats(3, rows);
      std::vector<float> a(rows * width), weighted_a(rows * width), dgate_up(rows * 2 * width), dweight(rows);
      cpu::Swiglu({rows, width, gate_up.data(), a.data()});
      cpu::SwigluBackward({rows, width, gate_up.data(), da.data(), weight.data(), weighted_a.data(),
                           dgate_up.data(), dweight.data()});
      const DeviceArray<float> on_gate_up(gate_up), on_da(da), on_weight(weight), on_a(a),
          on_weighted_a(rows * width), on_dgate_up(rows * 2 * width), on_dweight(rows);
      kernels->Swiglu({rows, width, on_gate_up.data(), on_a.data()});
      kernels->SwigluBackward({rows, width, on_gate_up.data(), on_da.data(), on_weight.data(),
                               on_weighted_a.data(), on_dgate_up.data(), on_dweight.data()});
      ExpectNear(on_a.values(), a, 1e-5f);
      ExpectNear(on_weighted_a.values(), weighted_a, 1e-5f);
      ExpectNear(on_dgate_up.values(), dgate_up, 1e-5f);
      ExpectNear(on_dweight.values(), dweight, 1e-4f);
    }
  }
}

}  // namespace
}  // namespace grouter
