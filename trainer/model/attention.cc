#include "trainer/model/attention.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <tuple>

#include "trainer/device/tensors.h"
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
at::Tensor Heads(const Device& device, const float* rows, const Run& run, int64_t stride, int64_t num_heads,
                 int64_t head_size) {
  return at::from_blob(const_cast<float*>(rows) + run.first * stride,
                       {run.count, num_heads, run.length, head_size},
                       {run.length * stride, head_size, stride, 1}, FloatTensors(device));
}

}  // namespace

struct AttentionActivations::Kept {
  std::vector<Run> runs;
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> log_sums;
  std::vector<at::Tensor> seeds, offsets;  // of dropout that is not used: the CUDA library wants them back
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

Attention::Attention(const ModelConfig& config, Device& device, const RotaryTables& tables)
    : config_(config), device_(device), kernels_(device.kernels()) {
  const auto upload = [&device](const std::vector<float>& values, FloatBuffer* to) {
    device.Upload(Stream::kCompute, to->Resize(device, values.size()), values.data(),
                  values.size() * sizeof(float));
  };
  upload(tables.cosines, &cosines_);
  upload(tables.sines, &sines_);
  device.Synchronize(device.Record(Stream::kCompute)).IgnoreError();  // the tables may go; a later wait tells
}

void Attention::Rotate(const AttentionInput& input, float* qkv, bool inverse) const {
  RopeArgs rope;
  rope.num_rows = input.num_tokens;
  rope.num_heads = 2 * config_.num_attention_heads;  // q and k lie next to each other
  rope.head_size = config_.head_size();
  rope.row_stride = 3 * int64_t{config_.hidden_size};
  rope.positions = input.positions;
  rope.cosines = cosines_.data();
  rope.sines = sines_.data();
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
  float* normed = keep->normed.Resize(device_, num_tokens * width);
  float* qkv = keep->qkv.Resize(device_, num_tokens * 3 * width);
  float* mixed = keep->mixed.Resize(device_, num_tokens * width);
  kernels_.RmsNorm({num_tokens, width, config_.rms_norm_eps, x, parameters.norm, normed,
                    keep->inverse_rms.Resize(device_, num_tokens)});
  MatMul(device_, {normed, num_tokens, width}, {parameters.qkv, width, 3 * width, true}, qkv);
  Rotate(input, qkv, /*inverse=*/false);
  {
    const c10::InferenceMode no_autograd;
    const DeviceScope scope(device_);
    AttentionActivations::Kept& kept = *keep->kept;
    kept.runs = EqualRuns(*input.segments);
    kept.outputs.clear();
    kept.log_sums.clear();
    kept.seeds.clear();
    kept.offsets.clear();
    for (const Run& run : kept.runs) {
      const at::Tensor q = Heads(device_, qkv, run, 3 * width, heads, head_size);
      const at::Tensor k = Heads(device_, qkv + width, run, 3 * width, heads, head_size);
      const at::Tensor v = Heads(device_, qkv + 2 * width, run, 3 * width, heads, head_size);
      at::Tensor output, log_sum;
      if (device_.cuda_index() < 0) {
        std::tie(output, log_sum) =
            at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, /*is_causal=*/true);
      } else {
        at::Tensor seed, offset;
        std::tie(output, log_sum, seed, offset) = at::_scaled_dot_product_efficient_attention(
            q, k, v, std::nullopt, /*compute_log_sumexp=*/true, 0.0, /*is_causal=*/true);
        kept.seeds.push_back(seed);
        kept.offsets.push_back(offset);
      }
      Heads(device_, mixed, run, width, heads, head_size).copy_(output);
      kept.outputs.push_back(output);
      kept.log_sums.push_back(log_sum);
    }
  }
  MatMul(device_, {mixed, num_tokens, width}, {parameters.o, width, width, true}, y, /*accumulate=*/true);
}

void Attention::Backward(const AttentionInput& input, const AttentionParameters& parameters,
                         const AttentionActivations& activations, const float* x, const float* dy,
                         float* dx) {
  const int64_t num_tokens = input.num_tokens;
  const int64_t width = config_.hidden_size;
  const int64_t heads = config_.num_attention_heads;
  const int64_t head_size = config_.head_size();
  float* dmixed = dmixed_.Resize(device_, num_tokens * width);
  float* dqkv = dqkv_.Resize(device_, num_tokens * 3 * width);
  float* dnormed = dnormed_.Resize(device_, num_tokens * width);
  MatMul(device_, {dy, num_tokens, width}, {parameters.o, width, width}, dmixed);
  MatMul(device_, {dy, width, num_tokens, true}, {activations.mixed.data(), num_tokens, width},
         parameters.do_, true);
  const AttentionActivations::Kept& kept = *activations.kept;
  const float* qkv = activations.qkv.data();
  for (size_t i = 0; i < kept.runs.size(); ++i) {
    const c10::InferenceMode no_autograd;
    const DeviceScope scope(device_);
    const Run& run = kept.runs[i];
    const at::Tensor dout = Heads(device_, dmixed, run, width, heads, head_size);
    const at::Tensor q = Heads(device_, qkv, run, 3 * width, heads, head_size);
    const at::Tensor k = Heads(device_, qkv + width, run, 3 * width, heads, head_size);
    const at::Tensor v = Heads(device_, qkv + 2 * width, run, 3 * width, heads, head_size);
    at::Tensor dq, dk, dv, none;
    if (device_.cuda_index() < 0) {
      std::tie(dq, dk, dv) = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          dout, q, k, v, kept.outputs[i], kept.log_sums[i], 0.0, /*is_causal=*/true);
    } else {
      std::tie(dq, dk, dv, none) = at::_scaled_dot_product_efficient_attention_backward(
          dout, q, k, v, at::Tensor(), kept.outputs[i], kept.log_sums[i], kept.seeds[i], kept.offsets[i], 0.0,
          {true, true, true, false}, /*is_causal=*/true);
    }
    Heads(device_, dqkv, run, 3 * width, heads, head_size).copy_(dq);
    Heads(device_, dqkv + width, run, 3 * width, heads, head_size).copy_(dk);
    Heads(device_, dqkv + 2 * width, run, 3 * width, heads, head_size).copy_(dv);
  }
  Rotate(input, dqkv, /*inverse=*/true);
  MatMul(device_, {dqkv, 3 * width, num_tokens, true}, {activations.normed.data(), num_tokens, width},
         parameters.dqkv, true);
  MatMul(device_, {dqkv, num_tokens, 3 * width}, {parameters.qkv, 3 * width, width}, dnormed);
  kernels_.RmsNormBackward(
      {num_tokens, width, x, parameters.norm, activations.inverse_rms.data(), dnormed, dx, parameters.dnorm});
}

}  // namespace grouter
