#include "kernels/optimizer.h"

#include <cmath>

#include "kernels/vector_math.h"

namespace grouter::cpu {

GROUTER_VECTORIZED void AdamW(const AdamWArgs& args) {
  const float* __restrict__ gradient = args.gradient;
  float* __restrict__ weight = args.weight;
  float* __restrict__ mean = args.mean;
  float* __restrict__ variance = args.variance;
  const float step = args.learning_rate / args.correction1;
  const float inverse2 = 1.0f / args.correction2;
  const float keep = 1.0f - args.learning_rate * args.weight_decay;
  const float beta1 = args.beta1, beta2 = args.beta2, epsilon = args.epsilon, scale = args.gradient_scale;
  for (int64_t i = 0; i < args.size; ++i) {
    const float g = gradient[i] * scale;
    const float m = beta1 * mean[i] + (1.0f - beta1) * g;
    const float v = beta2 * variance[i] + (1.0f - beta2) * g * g;
    mean[i] = m;
    variance[i] = v;
    weight[i] = weight[i] * keep - step * m / (std::sqrt(v * inverse2) + epsilon);
  }
}

GROUTER_VECTORIZED void Add(int64_t size, const float* x, float* y) {
  for (int64_t i = 0; i < size; ++i) y[i] += x[i];
}

GROUTER_VECTORIZED void AddSum(int64_t size, const float* x, double* sum) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane];
  }
  for (; i < size; ++i) lanes[0] += x[i];
  double total = 0;
  for (double lane : lanes) total += lane;
  *sum += total;
}

GROUTER_VECTORIZED void AddSumOfSquares(int64_t size, const float* x, double* sum) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const double value = x[i + lane];
      lanes[lane] += value * value;
    }
  }
  for (; i < size; ++i) lanes[0] += double{x[i]} * x[i];
  double total = 0;
  for (double lane : lanes) total += lane;
  *sum += total;
}

}  // namespace grouter::cpu
