#include "kernels/norm.h"

#include <cmath>

#include "kernels/vector_math.h"

namespace grouter::cpu {

GROUTER_VECTORIZED void RmsNorm(const RmsNormArgs& args) {
  const int64_t width = args.width;
  for (int64_t t = 0; t < args.num_rows; ++t) {
    const float* x = args.x + t * width;
    float* y = args.y + t * width;
    const float squares = LaneSum(width, [x](int64_t i) { return x[i] * x[i]; });
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(width) + args.epsilon);
    args.inverse_rms[t] = inverse;
    const float* gain = args.gain;
    for (int64_t i = 0; i < width; ++i) y[i] = x[i] * inverse * gain[i];
  }
}

GROUTER_VECTORIZED void RmsNormBackward(const RmsNormBackwardArgs& args) {
  const int64_t width = args.width;
  const float* gain = args.gain;
  float* dgain = args.dgain;
  for (int64_t t = 0; t < args.num_rows; ++t) {
    const float* x = args.x + t * width;
    const float* dy = args.dy + t * width;
    float* dx = args.dx + t * width;
    const float inverse = args.inverse_rms[t];
    const float dot = LaneSum(width, [=](int64_t i) { return dy[i] * gain[i] * x[i]; });
    const float pull = dot * inverse * inverse * inverse / static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) {
      dx[i] += dy[i] * gain[i] * inverse - x[i] * pull;
      dgain[i] += dy[i] * x[i] * inverse;
    }
  }
}

GROUTER_VECTORIZED void Rope(const RopeArgs& args) {
  const int64_t half = args.head_size / 2;
  const float sign = args.inverse ? -1.0f : 1.0f;
  for (int64_t t = 0; t < args.num_rows; ++t) {
    const float* cosines = args.cosines + args.positions[t] * half;
    const float* sines = args.sines + args.positions[t] * half;
    for (int64_t head = 0; head < args.num_heads; ++head) {
      float* low = args.x + t * args.row_stride + head * args.head_size;
      float* high = low + half;
      for (int64_t i = 0; i < half; ++i) {
        const float a = low[i];
        const float b = high[i];
        const float s = sign * sines[i];
        low[i] = a * cosines[i] - b * s;
        high[i] = b * cosines[i] + a * s;
      }
    }
  }
}

}  // namespace grouter::cpu
