#include "trainer/model/attention.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

#include "trainer/experts/matmul.h"

namespace grouter {
namespace {

// Segments of equal length that lie next to each other: one call of the attention library.
struct Run {
  int64_t first = 0;
  int64_t length = 0;
  int64_t count = 0;
};

std::vector<Run> EqualRuns(const std::vector<Segment>& segments) {
  std::vector<Run> runs;
  for (const Segment& segment : segments) {
    if (segment.length == 0) continue;
    if (!runs.empty() && runs.back().length == segment.length &&
        runs.back().first + runs.back().length * runs.back().count == segment.first) {
      ++runs.back().count;
    } else {
      runs.push_back({segment.first, segment.length, 1});
    }
  }
  return runs;
}

// [count, heads, length, head_size] over rows of `stride` floats.
at::Tensor Heads(const float* rows, const Run& run, int64_t stride, int64_t num_heads, int64_t head_size) {
  return at::from_blob(const_cast<float*>(rows) + run.first * stride,
                       {run.count, num_heads, run.length, head_size},
                       {run.length * stride, head_size, stride, 1}, at::TensorOptions().dtype(at::kFloat));
}

}  // namespace

struct AttentionActivations::Kept {
  std::vector<Run> runs;
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> log_sums;
};

AttentionActivations::AttentionActivations() : kept(std::make_unique<Kept>()) {}
AttentionActivations::~AttentionActivations() = default;
AttentionActivations::AttentionActivations(AttentionActivations&&) noexcept = default;

RotaryTables RotaryTables::Make(uint32_t head_size, uint32_t max_positions, double theta) {
  RotaryTables tables;
  const uint32_t half = head_size / 2;
  tables.cosines.reserve(size_t{max_positions} * half);
  tables.sines.reserve(size_t{max_positions} * half);
  for (uint32_t position = 0; position < max_positions; ++position) {
    for (uint32_t i = 0; i < half; ++i) {
      const double angle = position * std::pow(theta, -2.0 * i / head_size);
      tables.cosines.push_back(static_cast<float>(std::cos(angle)));
      tables.sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return tables;
}

Attention::Attention(const ModelConfig& config, const Kernels& kernels, const RotaryTables& tables)
    : config_(config), kernels_(kernels), tables_(tables) {}

void Attention::Rotate(const AttentionInput& input, float* qkv, bool inverse) const {
  RopeArgs rope;
  rope.num_rows = input.num_tokens;
  rope.num_heads = 2 * config_.num_attention_heads;  // q and k lie next to each other
  rope.head_size = config_.head_size();
  rope.row_stride = 3 * int64_t{config_.hidden_size};
  rope.positions = input.positions;
  rope.cosines = tables_.cosines.data();
  rope.sines = tables_.sines.data();
  rope.x = qkv;
  rope.inverse = inverse;
  kernels_.Rope(rope);
}

void Attention::Forward(const AttentionInput& input, const AttentionParameters& parameters, const float* x,
                        float* y, AttentionActivations* keep) {
  const int64_t num_tokens = input.num_tokens;
  const int64_t width = config_.hidden_size;
  const int64_t heads = config_.num_attention_heads;
  const int64_t head_size = config_.head_size();
  float* normed = keep->normed.Resize(num_tokens * width);
  float* qkv = keep->qkv.Resize(num_tokens * 3 * width);
  float* mixed = keep->mixed.Resize(num_tokens * width);
  kernels_.RmsNorm({num_tokens, width, config_.rms_norm_eps, x, parameters.norm, normed,
                    keep->inverse_rms.Resize(num_tokens)});
  MatMul({normed, num_tokens, width}, {parameters.qkv, width, 3 * width, true}, qkv);
  Rotate(input, qkv, /*inverse=*/false);
  const c10::InferenceMode no_autograd;
  AttentionActivations::Kept& kept = *keep->kept;
  kept.runs = EqualRuns(*input.segments);
  kept.outputs.clear();
  kept.log_sums.clear();
  for (const Run& run : kept.runs) {
    auto [output, log_sum] = at::_scaled_dot_product_flash_attention_for_cpu(
        Heads(qkv, run, 3 * width, heads, head_size), Heads(qkv + width, run, 3 * width, heads, head_size),
        Heads(qkv + 2 * width, run, 3 * width, heads, head_size), 0.0, /*is_causal=*/true);
    Heads(mixed, run, width, heads, head_size).copy_(output);
    kept.outputs.push_back(output);
    kept.log_sums.push_back(log_sum);
  }
  MatMul({mixed, num_tokens, width}, {parameters.o, width, width, true}, y, /*accumulate=*/true);
}

void Attention::Backward(const AttentionInput& input, const AttentionParameters& parameters,
                         const AttentionActivations& activations, const float* x, const float* dy,
                         float* dx) {
  const int64_t num_tokens = input.num_tokens;
  const int64_t width = config_.hidden_size;
  const int64_t heads = config_.num_attention_heads;
  const int64_t head_size = config_.head_size();
  float* dmixed = dmixed_.Resize(num_tokens * width);
  float* dqkv = dqkv_.Resize(num_tokens * 3 * width);
  float* dnormed = dnormed_.Resize(num_tokens * width);
  MatMul({dy, num_tokens, width}, {parameters.o, width, width}, dmixed);
  MatMul({dy, width, num_tokens, true}, {activations.mixed.data(), num_tokens, width}, parameters.do_, true);
  const c10::InferenceMode no_autograd;
  const AttentionActivations::Kept& kept = *activations.kept;
  const float* qkv = activations.qkv.data();
  for (size_t i = 0; i < kept.runs.size(); ++i) {
    const Run& run = kept.runs[i];
    auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        Heads(dmixed, run, width, heads, head_size), Heads(qkv, run, 3 * width, heads, head_size),
        Heads(qkv + width, run, 3 * width, heads, head_size),
        Heads(qkv + 2 * width, run, 3 * width, heads, head_size), kept.outputs[i], kept.log_sums[i], 0.0,
        /*is_causal=*/true);
    Heads(dqkv, run, 3 * width, heads, head_size).copy_(dq);
    Heads(dqkv + width, run, 3 * width, heads, head_size).copy_(dk);
    Heads(dqkv + 2 * width, run, 3 * width, heads, head_size).copy_(dv);
  }
  Rotate(input, dqkv, /*inverse=*/true);
  MatMul({dqkv, 3 * width, num_tokens, true}, {activations.normed.data(), num_tokens, width}, parameters.dqkv,
         true);
  MatMul({dqkv, num_tokens, 3 * width}, {parameters.qkv, 3 * width, width}, dnormed);
  kernels_.RmsNormBackward(
      {num_tokens, width, x, parameters.norm, activations.inverse_rms.data(), dnormed, dx, parameters.dnorm});
}

}  // namespace grouter
