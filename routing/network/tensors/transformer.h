// The parts that the router network and the frozen teacher share: pre-norm attention with rotary positions
// and a gated MLP over a flat stream of tokens. Functions over tensors; float32, on the CPU.
//
// Shapes: T tokens of all samples of a batch, end to end; H hidden; A heads; D head size.
// A *span* is a run of tokens that attend to each other: a sample, or a document inside it. A position sees
// nothing outside its span, and positions count from the span's start: the one context rule.
#ifndef GROUTER_ROUTING_NETWORK_TENSORS_TRANSFORMER_H_
#define GROUTER_ROUTING_NETWORK_TENSORS_TRANSFORMER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "data/sample_tokens.h"

namespace grouter {

struct TokenBatch {
  at::Tensor ids;                     // [T] int64
  at::Tensor positions;               // [T] float, from 0 in each span
  std::vector<int64_t> span_lengths;  // all > 0, their sum is T
};

// Samples end to end. A span is a sample with cross_document, else a document inside a sample.
TokenBatch MakeBatch(absl::Span<const SampleTokens> samples, bool cross_document);

struct AttentionRule {
  int64_t num_heads = 1;
  int64_t num_kv_heads = 1;  // divides num_heads
  int64_t head_size = 2;     // even
  double rms_norm_eps = 1e-6;
  bool causal = true;  // else a position sees its whole span
};

struct AttentionWeights {
  at::Tensor norm;            // [H]
  at::Tensor q, k, v;         // [A x D, H], [kv heads x D, H] twice
  at::Tensor o;               // [H, A x D]
  at::Tensor q_norm, k_norm;  // [D] each, or undefined: no norm over a head
};

struct MlpWeights {
  at::Tensor norm;      // [H]
  at::Tensor gate, up;  // [M, H]
  at::Tensor down;      // [H, M]
};

// Rotary angles of a batch, half-split form: element i of a head turns with element i + D/2.
struct Rotation {
  at::Tensor cos, sin;  // [T, 1, D/2]
};
Rotation MakeRotation(const at::Tensor& positions, int64_t head_size, double theta);

// [T, H] -> [T, H].
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps);
// x + attention(norm(x)).
at::Tensor AddAttention(const at::Tensor& x, const AttentionWeights& weights, const AttentionRule& rule,
                        const Rotation& rotation, absl::Span<const int64_t> span_lengths);
// x + down(silu(gate(norm(x))) * up(norm(x))).
at::Tensor AddMlp(const at::Tensor& x, const MlpWeights& weights, double rms_norm_eps);

// While it lives, what the calling thread computes is spread over `num_threads` threads; matrix products may
// differ in the last bits from one number to another. REQUIRES: num_threads >= 1.
class UseThreads {
 public:
  explicit UseThreads(uint32_t num_threads);
  ~UseThreads();
  UseThreads(const UseThreads&) = delete;
  UseThreads& operator=(const UseThreads&) = delete;

 private:
  int threads_before_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_TENSORS_TRANSFORMER_H_
