#include "kernels/optimizer.h"

#include <cmath>

#include "kernels/vector_math.h"

namespace grouter::cpu {

void DecideUpdate(const DecideUpdateArgs& args) {
  UpdateDecision& decision = *args.decision;
  decision.gradient_norm = std::sqrt(*args.squares);
  decision.applied = std::isfinite(decision.gradient_norm) && std::isfinite(*args.loss) ? 1 : 0;
  if (decision.applied == 0) return;
  ++decision.num_updates;
  const bool clips = args.clip_norm > 0 && decision.gradient_norm > args.clip_norm;
  decision.gradient_scale = static_cast<float>(clips ? args.clip_norm / decision.gradient_norm : 1.0);
  const auto t = static_cast<double>(decision.num_updates);
  decision.correction1 = static_cast<float>(1 - std::pow(args.beta1, t));
  decision.correction2 = static_cast<float>(1 - std::pow(args.beta2, t));
}

GROUTER_VECTORIZED void AdamW(const AdamWArgs& args) {
  const UpdateDecision* decision = args.decision;
  if (decision != nullptr && decision->applied == 0) return;
  const float* __restrict__ gradient = args.gradient;
  float* __restrict__ weight = args.weight;
  float* __restrict__ mean = args.mean;
  float* __restrict__ variance = args.variance;
  const float step = args.learning_rate / (decision != nullptr ? decision->correction1 : args.correction1);
  const float inverse2 = 1.0f / (decision != nullptr ? decision->correction2 : args.correction2);
  const float keep = 1.0f - args.learning_rate * args.weight_decay;
  const float beta1 = args.beta1, beta2 = args.beta2, epsilon = args.epsilon;
  const float scale = decision != nullptr ? decision->gradient_scale : args.gradient_scale;
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

void AddSum(int64_t size, const float* x, double* sum) {
  double total = 0;
  for (int64_t i = 0; i < size; ++i) total += x[i];
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
