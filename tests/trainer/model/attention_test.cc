#include "trainer/model/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/trainer/model/small_model.h"

namespace grouter {
namespace {

// Attention as its definition says, in double precision, without the library.
std::vector<double> Reference(const ModelConfig& config, const std::vector<Segment>& segments,
                              const std::vector<float>& x, const std::vector<float>& norm,
                              const std::vector<float>& qkv_weights, const std::vector<float>& o_weights) {
  const int width = config.hidden_size, heads = config.num_attention_heads, size = config.head_size();
  const int tokens = static_cast<int>(x.size()) / width;
  std::vector<double> qkv(tokens * 3 * width, 0), y(x.begin(), x.end());
  for (const Segment& segment : segments) {
    for (uint32_t p = 0; p < segment.length; ++p) {
      const int t = segment.first + p;
      double squares = 0;
      for (int i = 0; i < width; ++i) squares += double{x[t * width + i]} * x[t * width + i];
      const double inverse = 1 / std::sqrt(squares / width + config.rms_norm_eps);
      for (int o = 0; o < 3 * width; ++o) {
        for (int i = 0; i < width; ++i) {
          qkv[t * 3 * width + o] += x[t * width + i] * inverse * norm[i] * qkv_weights[o * width + i];
        }
      }
      for (int h = 0; h < 2 * heads; ++h) {
        for (int i = 0; i < size / 2; ++i) {
          const double angle = p * std::pow(config.rope_theta, -2.0 * i / size);
          double& low = qkv[t * 3 * width + h * size + i];
          double& high = qkv[t * 3 * width + h * size + size / 2 + i];
          const double a = low, b = high;
          low = a * std::cos(angle) - b * std::sin(angle);
          high = b * std::cos(angle) + a * std::sin(angle);
        }
      }
    }
    for (uint32_t p = 0; p < segment.length; ++p) {
      const int t = segment.first + p;
      std::vector<double> mixed(width, 0);
      for (int h = 0; h < heads; ++h) {
        std::vector<double> weights;
        double total = 0;
        for (uint32_t q = 0; q <= p; ++q) {
          double dot = 0;
          for (int i = 0; i < size; ++i) {
            dot += qkv[t * 3 * width + h * size + i] *
                   qkv[(segment.first + q) * 3 * width + width + h * size + i];
          }
          weights.push_back(std::exp(dot / std::sqrt(size)));
          total += weights.back();
        }
        for (uint32_t q = 0; q <= p; ++q) {
          for (int i = 0; i < size; ++i) {
            mixed[h * size + i] +=
                weights[q] / total * qkv[(segment.first + q) * 3 * width + 2 * width + h * size + i];
          }
        }
      }
      for (int o = 0; o < width; ++o) {
        for (int i = 0; i < width; ++i) y[t * width + o] += mixed[i] * o_weights[o * width + i];
      }
    }
  }
  return y;
}

TEST(Attention, EqualsItsDefinitionForSegmentsOfAnyLength) {
  const ModelConfig config = testing::SmallModelConfig();
  const RotaryTables tables = RotaryTables::Make(config.head_size(), 32, config.rope_theta);
  Attention attention(config, CpuDevice(), tables);
  Random random(3);
  const auto fill = [&random](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(random.Uniform() - 0.5);
    return values;
  };
  const std::vector<std::vector<uint32_t>> shapes = {{1}, {5, 5, 5}, {3, 7, 1, 7}, {20, 20}};
  for (const auto& lengths : shapes) {
    const MicroBatchInput input = testing::SmallInput(config, lengths, 1);
    const auto x = fill(input.num_tokens() * 16), norm = fill(16), qkv = fill(3 * 16 * 16), o = fill(16 * 16);
    AttentionParameters parameters;
    parameters.norm = norm.data();
    parameters.qkv = qkv.data();
    parameters.o = o.data();
    AttentionActivations kept;
    std::vector<float> y = x;
    attention.Forward({input.num_tokens(), input.positions.data(), &input.segments}, parameters, x.data(),
                      y.data(), &kept);
    const auto expected = Reference(config, input.segments, x, norm, qkv, o);
    for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-5);
  }
}

}  // namespace
}  // namespace grouter
