#include "kernels/gate.h"

#include <cmath>

#include "kernels/vector_math.h"

namespace grouter::cpu {

void SelectTopk(const SelectTopkArgs& args) {
  for (int64_t t = 0; t < args.num_tokens; ++t) {
    const float* scores = args.scores + t * args.num_experts;
    int32_t* ids = args.ids + t * args.k;
    const auto key = [&](int64_t e) { return args.bias == nullptr ? scores[e] : scores[e] + args.bias[e]; };
    int64_t held = 0;
    for (int64_t e = 0; e < args.num_experts; ++e) {
      const float value = key(e);
      if (held == args.k && (held == 0 || !(value > key(ids[held - 1])))) continue;
      int64_t place = held < args.k ? held++ : held - 1;
      for (; place > 0 && value > key(ids[place - 1]); --place) ids[place] = ids[place - 1];
      ids[place] = static_cast<int32_t>(e);
    }
  }
}

void GateWeights(const GateWeightsArgs& args) {
  for (int64_t t = 0; t < args.num_tokens; ++t) {
    const float* scores = args.scores + t * args.num_experts;
    const int32_t* ids = args.ids + t * args.k;
    float* weights = args.weights + t * args.k;
    float max = -INFINITY;
    for (int64_t j = 0; j < args.k; ++j) {
      if (ids[j] >= 0 && scores[ids[j]] > max) max = scores[ids[j]];
    }
    float sum = 0;
    for (int64_t j = 0; j < args.k; ++j) {
      weights[j] = ids[j] < 0 ? 0.0f : FastExp(scores[ids[j]] - max);
      sum += weights[j];
    }
    if (sum == 0) continue;
    for (int64_t j = 0; j < args.k; ++j) weights[j] /= sum;
  }
}

void GateWeightsBackward(const GateWeightsBackwardArgs& args) {
  for (int64_t t = 0; t < args.num_tokens; ++t) {
    const int32_t* ids = args.ids + t * args.k;
    const float* weights = args.weights + t * args.k;
    const float* dweights = args.dweights + t * args.k;
    float mean = 0;
    for (int64_t j = 0; j < args.k; ++j) mean += weights[j] * dweights[j];
    for (int64_t j = 0; j < args.k; ++j) {
      if (ids[j] >= 0) args.dscores[t * args.num_experts + ids[j]] += weights[j] * (dweights[j] - mean);
    }
  }
}

GROUTER_VECTORIZED void RouterLoss(const RouterLossArgs& args) {
  const int64_t n = args.num_experts;
  const float* share = args.share;
  double balance = 0;
  double z = 0;
  for (int64_t t = 0; t < args.num_tokens; ++t) {
    const float* x = args.scores + t * n;
    float* dx = args.dscores + t * n;
    float max = x[0];
    for (int64_t e = 1; e < n; ++e) max = x[e] > max ? x[e] : max;
    const float sum = LaneSum(n, [=](int64_t e) { return FastExp(x[e] - max); });
    const float mean = LaneSum(n, [=](int64_t e) { return FastExp(x[e] - max) * share[e]; }) / sum;
    const float log_sum = std::log(sum) + max;
    const float z_pull = 2.0f * args.z_scale * log_sum;
    for (int64_t e = 0; e < n; ++e) {
      const float p = FastExp(x[e] - max) / sum;
      dx[e] += p * (args.balance_scale * (share[e] - mean) + z_pull);
    }
    balance += double{args.balance_scale} * mean;
    z += double{args.z_scale} * log_sum * log_sum;
  }
  *args.balance += balance;
  *args.z += z;
}

}  // namespace grouter::cpu
