#include "tests/bench/table/stand_in.h"

#include <algorithm>
#include <cmath>

#include "io/random.h"

namespace grouter {
namespace bench {
namespace {

// Near enough to a normal of deviation 1: the sum of four bytes.
float Noise(uint32_t bits) {
  const int sum = static_cast<int>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24));
  return static_cast<float>(sum - 510) * (1.0f / 147.8f);
}

std::vector<float> NormalRows(uint64_t rows, uint32_t columns, float deviation, uint64_t seed) {
  std::vector<float> values(rows * columns);
  for (uint64_t i = 0; i < values.size(); ++i)
    values[i] = deviation * Noise(static_cast<uint32_t>(Mix64(seed ^ Mix64(i))));
  return values;
}

}  // namespace

StandIn MakeStandIn(const StandInOptions& o) {
  const std::vector<float> own = NormalRows(o.vocabulary, o.num_experts, 1.0f, o.seed + 1);
  const std::vector<float> topic = NormalRows(o.num_topics, o.num_experts, 0.7f, o.seed + 2);
  std::vector<double> zipf(o.vocabulary);
  double sum = 0;
  for (uint32_t v = 0; v < o.vocabulary; ++v) zipf[v] = sum += 1.0 / (v + 2.7);

  const uint64_t count = uint64_t{o.num_samples} * o.sample_tokens;
  StandIn data;
  data.tokens.resize(count);
  data.ids.resize(count * o.k);
  data.scores.resize(count * o.k);
  Random random(o.seed);
  std::vector<float> logits(o.num_experts);
  std::vector<uint64_t> keys(o.num_experts);
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t token = static_cast<uint32_t>(
        std::lower_bound(zipf.begin(), zipf.end(), random.Uniform() * sum) - zipf.begin());
    data.tokens[i] = token;
    const float* a = &own[uint64_t{token} * o.num_experts];
    const float* b = &topic[i / o.sample_tokens % o.num_topics * o.num_experts];
    for (uint32_t e = 0; e < o.num_experts; e += 2) {
      const uint64_t bits = random.Next();
      logits[e] = a[e] + b[e] + 0.6f * Noise(static_cast<uint32_t>(bits));
      logits[e + 1] = a[e + 1] + b[e + 1] + 0.6f * Noise(static_cast<uint32_t>(bits >> 32));
    }
    // The expert rides in the key's low bits: larger logit first.
    for (uint32_t e = 0; e < o.num_experts; ++e) {
      keys[e] = static_cast<uint64_t>((logits[e] + 16.0f) * 16777216.0f) << 16 | e;
    }
    std::partial_sort(keys.begin(), keys.begin() + o.k, keys.end(),
                      [](uint64_t x, uint64_t y) { return x > y; });
    float total = 0, weights[16];
    for (uint32_t r = 0; r < o.k; ++r)
      total += weights[r] = std::exp(logits[keys[r] & 0xffff] - logits[keys[0] & 0xffff]);
    for (uint32_t r = 0; r < o.k; ++r) {
      data.ids[i * o.k + r] = static_cast<uint8_t>(keys[r] & 0xffff);
      data.scores[i * o.k + r] = weights[r] / total;
    }
  }
  return data;
}

}  // namespace bench
}  // namespace grouter
