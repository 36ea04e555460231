#include "kernels/loss.h"

#include <cmath>
#include <cstring>

#include "kernels/vector_math.h"

namespace grouter::cpu {
namespace {

__attribute__((always_inline)) inline float RowMax(int64_t n, const float* x) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -INFINITY;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    }
  }
  for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  float max = lanes[0];
  for (float lane : lanes) max = lane > max ? lane : max;
  return max;
}

}  // namespace

GROUTER_VECTORIZED void CrossEntropy(const CrossEntropyArgs& args) {
  const int64_t n = args.num_classes;
  for (int64_t t = 0; t < args.num_rows; ++t) {
    float* x = args.logits + t * n;
    const int32_t label = args.labels[t];
    if (label < 0) {
      args.losses[t] = 0;
      if (args.want_gradient) std::memset(x, 0, static_cast<size_t>(n) * sizeof(float));
      continue;
    }
    const float max = RowMax(n, x);
    const float target = x[label];
    if (!args.want_gradient) {
      const float sum = LaneSum(n, [x, max](int64_t i) { return FastExp(x[i] - max); });
      args.losses[t] = std::log(sum) + max - target;
      continue;
    }
    const float sum = LaneSum(n, [x, max](int64_t i) { return x[i] = FastExp(x[i] - max); });
    args.losses[t] = std::log(sum) + max - target;
    const float scale = args.scale / sum;
    for (int64_t i = 0; i < n; ++i) x[i] *= scale;
    x[label] -= args.scale;
  }
}

}  // namespace grouter::cpu
