#include "routing/network/gate.h"

#include <array>
#include <cmath>
#include <limits>

#include "io/error.h"

namespace grouter {
namespace {

constexpr uint32_t kMaxK = 16;

void WeighSelected(absl::Span<const float> scores, const GateRule& rule, absl::Span<const uint32_t> ids,
                   absl::Span<float> weights) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const uint32_t id : ids) largest = std::max(largest, scores[id]);
  float sum = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const float score = scores[ids[i]];
    weights[i] =
        rule.scoring == GateScoring::kSoftmax ? std::exp(score - largest) : 1.0f / (1.0f + std::exp(-score));
    sum += weights[i];
  }
  // The published gate's guard: k sigmoids may all be zero.
  if (rule.scoring == GateScoring::kNormalizedSigmoid) sum += 1e-20f;
  for (float& weight : weights) weight = weight / sum * static_cast<float>(rule.scaling_factor);
}

}  // namespace

float SelectExperts(absl::Span<const float> scores, absl::Span<const float> bias, const GateRule& rule,
                    absl::Span<uint32_t> ids, absl::Span<float> weights) {
  const uint32_t k = rule.k;
  GROUTER_CHECK(k >= 1 && k <= kMaxK && k <= scores.size() && ids.size() == k && weights.size() == k);
  // One more than k is kept, so that the margin falls out.
  std::array<float, kMaxK + 1> best;
  std::array<uint32_t, kMaxK + 1> best_id{};
  best.fill(-std::numeric_limits<float>::infinity());
  for (uint32_t e = 0; e < scores.size(); ++e) {
    const float value = bias.empty() ? scores[e] : scores[e] + bias[e];
    if (!(value > best[k])) continue;
    uint32_t place = k;
    for (; place > 0 && value > best[place - 1]; --place) {
      best[place] = best[place - 1];
      best_id[place] = best_id[place - 1];
    }
    best[place] = value;
    best_id[place] = e;
  }
  for (uint32_t i = 0; i < k; ++i) ids[i] = best_id[i];
  WeighSelected(scores, rule, ids, weights);
  return best[k - 1] - best[k];
}

}  // namespace grouter
