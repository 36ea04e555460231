#include "kernels/swiglu.h"

#include "kernels/vector_math.h"

namespace grouter::cpu {

GROUTER_VECTORIZED void Swiglu(const SwigluArgs& args) {
  const int64_t width = args.width;
  for (int64_t t = 0; t < args.num_rows; ++t) {
    const float* gate = args.gate_up + t * 2 * width;
    const float* up = gate + width;
    float* __restrict__ a = args.a + t * width;
    for (int64_t i = 0; i < width; ++i) a[i] = gate[i] / (1.0f + FastExp(-gate[i])) * up[i];
  }
}

GROUTER_VECTORIZED void SwigluBackward(const SwigluBackwardArgs& args) {
  const int64_t width = args.width;
  for (int64_t t = 0; t < args.num_rows; ++t) {
    const float* gate = args.gate_up + t * 2 * width;
    const float* up = gate + width;
    const float* da = args.da + t * width;
    float* __restrict__ weighted_a = args.weighted_a + t * width;
    float* __restrict__ dgate = args.dgate_up + t * 2 * width;
    float* __restrict__ dup = dgate + width;
    const float weight = args.weight[t];
    float lanes[kLanes] = {};
    const auto at = [&](int64_t i, int lane) {
      const float sigmoid = 1.0f / (1.0f + FastExp(-gate[i]));
      const float silu = gate[i] * sigmoid;
      const float a = silu * up[i];
      const float d = weight * da[i];
      lanes[lane] += da[i] * a;
      weighted_a[i] = weight * a;
      dgate[i] = d * up[i] * (sigmoid + silu * (1.0f - sigmoid));
      dup[i] = d * silu;
    };
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) at(i + lane, lane);
    }
    for (; i < width; ++i) at(i, static_cast<int>(i % kLanes));
    float sum = 0;
    for (float lane : lanes) sum += lane;
    args.dweight[t] = sum;
  }
}

}  // namespace grouter::cpu
