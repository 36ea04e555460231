#include "routing/network/tensors/transformer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>

#include <algorithm>

#include "io/error.h"

namespace grouter {
namespace {

at::Tensor Rotate(const at::Tensor& x, const Rotation& rotation) {  // [T, A, D]
  const int64_t half = x.size(-1) / 2;
  const at::Tensor low = x.narrow(-1, 0, half);
  const at::Tensor high = x.narrow(-1, half, half);
  return at::cat({low * rotation.cos - high * rotation.sin, high * rotation.cos + low * rotation.sin}, -1);
}

// [n spans x L, A, D] each, all spans of one length -> [n spans x L, A x D].
at::Tensor AttendEqualSpans(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t length,
                            bool causal) {
  const auto by_span = [length](const at::Tensor& x) {
    return x.reshape({-1, length, x.size(1), x.size(2)}).transpose(1, 2);  // [spans, A, L, D]
  };
  const at::Tensor out =
      at::scaled_dot_product_attention(by_span(q), by_span(k), by_span(v), {}, /*dropout_p=*/0.0, causal);
  return out.transpose(1, 2).reshape({q.size(0), q.size(1) * q.size(2)});
}

at::Tensor Attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  absl::Span<const int64_t> lengths, bool causal) {
  // Runs of spans of one length go together; what a span computes depends on nothing else but its run's
  // shape.
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (size_t i = 0; i < lengths.size();) {
    size_t end = i;
    while (end < lengths.size() && lengths[end] == lengths[i]) ++end;
    const int64_t tokens = lengths[i] * static_cast<int64_t>(end - i);
    parts.push_back(AttendEqualSpans(q.narrow(0, first, tokens), k.narrow(0, first, tokens),
                                     v.narrow(0, first, tokens), lengths[i], causal));
    first += tokens;
    i = end;
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

}  // namespace

TokenBatch MakeBatch(absl::Span<const SampleTokens> samples, bool cross_document) {
  int64_t num_tokens = 0;
  for (const SampleTokens& sample : samples) num_tokens += static_cast<int64_t>(sample.tokens.size());
  TokenBatch batch;
  batch.ids = at::empty({num_tokens}, at::kLong);
  batch.positions = at::empty({num_tokens}, at::kFloat);
  int64_t* ids = batch.ids.data_ptr<int64_t>();
  float* positions = batch.positions.data_ptr<float>();
  for (const SampleTokens& sample : samples) {
    const size_t length = sample.tokens.size();
    std::vector<size_t> starts = {0};
    if (!cross_document) starts.assign(sample.document_starts.begin(), sample.document_starts.end());
    GROUTER_CHECK(!starts.empty() && starts.front() == 0);
    ids = std::copy(sample.tokens.begin(), sample.tokens.end(), ids);
    for (size_t d = 0; d < starts.size(); ++d) {
      const size_t end = d + 1 < starts.size() ? starts[d + 1] : length;
      if (end == starts[d]) continue;
      for (size_t i = starts[d]; i < end; ++i) *positions++ = static_cast<float>(i - starts[d]);
      batch.span_lengths.push_back(static_cast<int64_t>(end - starts[d]));
    }
  }
  return batch;
}

Rotation MakeRotation(const at::Tensor& positions, int64_t head_size, double theta) {
  const at::Tensor exponents = at::arange(0, head_size, 2, at::kFloat) / static_cast<double>(head_size);
  const at::Tensor angles = at::outer(positions, at::pow(theta, exponents).reciprocal()).unsqueeze(1);
  return {at::cos(angles), at::sin(angles)};
}

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return at::rms_norm(x, weight.sizes(), weight, eps);
}

at::Tensor AddAttention(const at::Tensor& x, const AttentionWeights& weights, const AttentionRule& rule,
                        const Rotation& rotation, absl::Span<const int64_t> span_lengths) {
  const int64_t tokens = x.size(0);
  const at::Tensor in = RmsNorm(x, weights.norm, rule.rms_norm_eps);
  at::Tensor q = at::linear(in, weights.q).view({tokens, rule.num_heads, rule.head_size});
  at::Tensor k = at::linear(in, weights.k).view({tokens, rule.num_kv_heads, rule.head_size});
  at::Tensor v = at::linear(in, weights.v).view({tokens, rule.num_kv_heads, rule.head_size});
  if (weights.q_norm.defined()) q = RmsNorm(q, weights.q_norm, rule.rms_norm_eps);
  if (weights.k_norm.defined()) k = RmsNorm(k, weights.k_norm, rule.rms_norm_eps);
  q = Rotate(q, rotation);
  k = Rotate(k, rotation);
  if (rule.num_kv_heads != rule.num_heads) {
    const int64_t repeats = rule.num_heads / rule.num_kv_heads;
    k = k.repeat_interleave(repeats, 1);
    v = v.repeat_interleave(repeats, 1);
  }
  return x + at::linear(Attend(q, k, v, span_lengths, rule.causal), weights.o);
}

at::Tensor AddMlp(const at::Tensor& x, const MlpWeights& weights, double rms_norm_eps) {
  const at::Tensor in = RmsNorm(x, weights.norm, rms_norm_eps);
  return x + at::linear(at::silu(at::linear(in, weights.gate)) * at::linear(in, weights.up), weights.down);
}

UseThreads::UseThreads(uint32_t num_threads) : threads_before_(at::get_num_threads()) {
  at::set_num_threads(static_cast<int>(num_threads));
}
UseThreads::~UseThreads() { at::set_num_threads(threads_before_); }

}  // namespace grouter
