// Arithmetic on buffers: what the trainer computes besides matrix products and attention.
//
// One interface, two implementations: the CPU twin (always) and CUDA (cuda/, built with --config=cuda).
// Nothing here allocates, knows tensors, routes or plans, or reads a value back from a device. All numbers
// are fp32; sums over a row run in a fixed order, so the same input gives the same bits on every call and for
// every number of threads.
//
// Legend of shapes: T tokens or rows, D width of a row (hidden size), F expert's inner width, E experts,
// K choices of a token, V vocabulary. All matrices are row-major and dense unless a stride is named.
#ifndef GROUTER_KERNELS_KERNELS_H_
#define GROUTER_KERNELS_KERNELS_H_

#include <cstdint>

namespace grouter {

// y = x / sqrt(mean(x^2) + epsilon) * gain, row by row.
struct RmsNormArgs {
  int64_t num_rows = 0;
  int64_t width = 0;
  float epsilon = 1e-6f;
  const float* x = nullptr;      // [T, D]
  const float* gain = nullptr;   // [D]
  float* y = nullptr;            // [T, D]
  float* inverse_rms = nullptr;  // [T], for backward
};

// dx += d(loss)/dx and dgain += d(loss)/dgain.
struct RmsNormBackwardArgs {
  int64_t num_rows = 0;
  int64_t width = 0;
  const float* x = nullptr;
  const float* gain = nullptr;
  const float* inverse_rms = nullptr;
  const float* dy = nullptr;  // [T, D]
  float* dx = nullptr;        // [T, D], accumulates
  float* dgain = nullptr;     // [D], accumulates
};

// Rotary embedding in the half-split form, in place, on `num_heads` heads that start at `x` in each row.
// `inverse` rotates back, which is the backward pass.
struct RopeArgs {
  int64_t num_rows = 0;
  int64_t num_heads = 0;
  int64_t head_size = 0;               // even
  int64_t row_stride = 0;              // floats from one row's first head to the next row's
  const int32_t* positions = nullptr;  // [T]
  const float* cosines = nullptr;      // [positions, head_size / 2]
  const float* sines = nullptr;
  float* x = nullptr;
  bool inverse = false;
};

// out[i] = in[index[i]] for each of `num_rows` rows.
struct GatherRowsArgs {
  int64_t num_rows = 0;
  int64_t width = 0;
  int64_t in_stride = 0;
  int64_t out_stride = 0;
  const int32_t* index = nullptr;
  const float* in = nullptr;
  float* out = nullptr;
};

// out[index[i]] += scale[i] * in[i], i ascending; `scale` nullptr means 1. Where several i meet in one row of
// `out` they are added in ascending i: callers order their rows so that this is the documented order.
struct ScatterAddRowsArgs {
  int64_t num_rows = 0;
  int64_t width = 0;
  int64_t in_stride = 0;
  int64_t out_stride = 0;
  const int32_t* index = nullptr;
  const float* scale = nullptr;
  const float* in = nullptr;
  float* out = nullptr;
};

// a = silu(gate) * up, where each row of `gate_up` is gate then up.
struct SwigluArgs {
  int64_t num_rows = 0;
  int64_t width = 0;               // F
  const float* gate_up = nullptr;  // [T, 2F]
  float* a = nullptr;              // [T, F]
};

// Backward of y = weight * (a @ down^T): `da` is the gradient of a before the row's weight is applied.
//   weighted_a  = weight * a             (for the gradient of down)
//   dgate_up    = d(loss)/d(gate_up)     (weight applied)
//   dweight     = <da, a>                (of the row's gate weight)
struct SwigluBackwardArgs {
  int64_t num_rows = 0;
  int64_t width = 0;
  const float* gate_up = nullptr;  // [T, 2F]
  const float* da = nullptr;       // [T, F]
  const float* weight = nullptr;   // [T]
  float* weighted_a = nullptr;     // [T, F]
  float* dgate_up = nullptr;       // [T, 2F]
  float* dweight = nullptr;        // [T]
};

// Softmax cross-entropy of one block of rows, loss and gradient in one pass over the logits.
// In: logits. Out: d(sum of losses * scale)/d(logits) in the same place. A row with label < 0 does not count:
// loss 0, gradient 0.
struct CrossEntropyArgs {
  int64_t num_rows = 0;
  int64_t num_classes = 0;          // V
  const int32_t* labels = nullptr;  // [T]
  float scale = 1;
  bool want_gradient = true;  // false: logits are left as they are
  float* logits = nullptr;    // [T, V]
  float* losses = nullptr;    // [T], not scaled
};

// The k highest of score + bias per token (ties: the lower id first), highest first.
// REQUIRES: k <= num_experts.
struct SelectTopkArgs {
  int64_t num_tokens = 0;
  int64_t num_experts = 0;
  int64_t k = 0;
  const float* scores = nullptr;  // [T, E]
  const float* bias = nullptr;    // [E], takes part in the selection only; nullptr: none
  int32_t* ids = nullptr;         // [T, K]
};

// weights = softmax of the scores of a token's ids; an id < 0 has weight 0.
struct GateWeightsArgs {
  int64_t num_tokens = 0;
  int64_t num_experts = 0;
  int64_t k = 0;
  const float* scores = nullptr;  // [T, E]
  const int32_t* ids = nullptr;   // [T, K]
  float* weights = nullptr;       // [T, K]
};

// dscores += gradient of GateWeights.
struct GateWeightsBackwardArgs {
  int64_t num_tokens = 0;
  int64_t num_experts = 0;
  int64_t k = 0;
  const int32_t* ids = nullptr;
  const float* weights = nullptr;
  const float* dweights = nullptr;  // [T, K]
  float* dscores = nullptr;         // [T, E], accumulates
};

// The learned router's two auxiliary losses, which need the softmax over all experts:
//   balance = balance_scale * sum_e share[e] * sum_t p[t][e]      z = z_scale * sum_t logsumexp(score[t])^2
// `share` is a constant (the fraction of the batch's choices that went to e). dscores += gradient of both.
struct RouterLossArgs {
  int64_t num_tokens = 0;
  int64_t num_experts = 0;
  float balance_scale = 0;
  float z_scale = 0;
  const float* scores = nullptr;  // [T, E]
  const float* share = nullptr;   // [E]
  float* dscores = nullptr;       // [T, E], accumulates
  double* balance = nullptr;      // one number, accumulates
  double* z = nullptr;            // one number, accumulates
};

// A row that travels carries notes behind its numbers: the `row_pairs` local slots it is for (as floats, -1:
// none), then their gate weights; on the way back of a gradient, the gradients of those weights. `row_stride`
// is the number of floats from one row's notes to the next row's.

// Writes the notes of rows that leave: row r's pairs are [row_first_pair[r], row_first_pair[r + 1]).
struct PackPairsArgs {
  int64_t num_rows = 0;
  int64_t row_pairs = 0;
  int64_t row_stride = 0;
  const uint32_t* row_first_pair = nullptr;  // [T + 1]
  const int32_t* pair_slot = nullptr;
  const int32_t* pair_choice = nullptr;  // where the pair's weight is
  const float* weights = nullptr;
  float* notes = nullptr;
};

// Sorts the pairs that received rows note, by slot, then by row. Where the rows do not note the pairs that
// `first_pair` announces, *mismatch becomes 1, and what is missing reads as pairs of row 0 with weight 0.
struct SortPairsArgs {
  int64_t num_rows = 0;
  int64_t row_pairs = 0;
  int64_t row_stride = 0;
  int64_t num_slots = 0;
  const float* notes = nullptr;
  const uint32_t* first_pair = nullptr;  // [slots + 1] of each slot among the P pairs
  uint32_t* scratch = nullptr;           // [slots]
  int32_t* row = nullptr;                // [P]
  int32_t* column = nullptr;             // [P] row * row_pairs + place in the row
  float* weight = nullptr;               // [P]
  int32_t* mismatch = nullptr;           // one number
};

// Writes the gradients of gate weights into rows' notes.
struct PackPairGradientsArgs {
  int64_t num_pairs = 0;
  int64_t row_pairs = 0;
  int64_t row_stride = 0;
  const int32_t* row = nullptr;     // [P] as sorted
  const int32_t* column = nullptr;  // [P]
  const float* dweight = nullptr;   // [P]
  float* notes = nullptr;
};

// And from returned rows to the choices: dweights[pair_choice[p]] = the row's note of p.
struct UnpackPairGradientsArgs {
  int64_t num_rows = 0;
  int64_t row_stride = 0;
  const uint32_t* row_first_pair = nullptr;
  const int32_t* pair_choice = nullptr;
  const float* notes = nullptr;
  float* dweights = nullptr;
};

// Rows that a relay received for its block note pairs of several ranks, each rank's beside each other; rank q
// of the block has the block's slots [first_slot[q], first_slot[q + 1]). Finds the rows to forward, by rank,
// then by row, and writes their notes: the pairs of that rank, with its own slots. Where the rows do not note
// what `first_row` announces, *mismatch becomes 1, and what is missing reads as row 0 without pairs.
struct RelayPairsArgs {
  int64_t num_rows = 0;
  int64_t row_pairs = 0;
  int64_t row_stride = 0;
  int64_t num_ranks = 0;                 // of the block
  const uint32_t* first_slot = nullptr;  // [ranks + 1]
  const uint32_t* first_row = nullptr;   // [ranks + 1] of each rank among the F rows to forward
  const float* notes = nullptr;
  int64_t out_pairs = 0;
  int64_t out_stride = 0;
  float* out_notes = nullptr;   // of F rows
  uint32_t* scratch = nullptr;  // [ranks]
  int32_t* row = nullptr;       // [F]
  int32_t* column = nullptr;    // [F] row * row_pairs + place of the first pair
  int32_t* count = nullptr;     // [F] pairs
  int32_t* mismatch = nullptr;  // one number
};

// Brings the gradients of gate weights from forwarded rows' notes back to those of the rows they came from.
struct RelayPairGradientsArgs {
  int64_t num_rows = 0;  // F
  int64_t row_pairs = 0;
  int64_t from_stride = 0;
  int64_t to_stride = 0;
  const int32_t* row = nullptr;     // [F] as forwarded
  const int32_t* column = nullptr;  // [F]
  const int32_t* count = nullptr;   // [F]
  const float* from = nullptr;      // notes of F rows
  float* to = nullptr;
};

// What a step's sums say about its update; lies where the sums lie, so that nobody waits for it.
struct UpdateDecision {
  int64_t num_updates = 0;  // AdamW's t, this one included
  double gradient_norm = 0;
  float gradient_scale = 1;  // clipping
  float correction1 = 1;     // 1 - beta1^t
  float correction2 = 1;     // 1 - beta2^t
  int32_t applied = 0;       // 0: something was not finite
};

struct DecideUpdateArgs {
  double clip_norm = 0;  // 0: no clipping
  double beta1 = 0;
  double beta2 = 0;
  const double* squares = nullptr;     // of the gradient, the whole world's
  const double* loss = nullptr;        // the same
  UpdateDecision* decision = nullptr;  // in: num_updates before; out: all
};

// AdamW (Loshchilov, Hutter 2019) over a flat buffer; the gradient is multiplied by `gradient_scale` first.
// With a `decision`, it gives scale and corrections, and nothing happens unless it is applied.
struct AdamWArgs {
  int64_t size = 0;
  float learning_rate = 0;
  float beta1 = 0.9f;
  float beta2 = 0.95f;
  float epsilon = 1e-8f;
  float weight_decay = 0;
  float gradient_scale = 1;
  float correction1 = 1;  // 1 - beta1^t
  float correction2 = 1;  // 1 - beta2^t
  const UpdateDecision* decision = nullptr;
  const float* gradient = nullptr;
  float* weight = nullptr;
  float* mean = nullptr;
  float* variance = nullptr;
};

// Thread-safe: no state between calls. Buffers are the caller's and must not overlap unless said so.
class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual void RmsNorm(const RmsNormArgs& args) const = 0;
  virtual void RmsNormBackward(const RmsNormBackwardArgs& args) const = 0;
  virtual void Rope(const RopeArgs& args) const = 0;
  virtual void GatherRows(const GatherRowsArgs& args) const = 0;
  virtual void ScatterAddRows(const ScatterAddRowsArgs& args) const = 0;
  virtual void Swiglu(const SwigluArgs& args) const = 0;
  virtual void SwigluBackward(const SwigluBackwardArgs& args) const = 0;
  virtual void CrossEntropy(const CrossEntropyArgs& args) const = 0;
  virtual void SelectTopk(const SelectTopkArgs& args) const = 0;
  virtual void GateWeights(const GateWeightsArgs& args) const = 0;
  virtual void GateWeightsBackward(const GateWeightsBackwardArgs& args) const = 0;
  virtual void RouterLoss(const RouterLossArgs& args) const = 0;
  virtual void PackPairs(const PackPairsArgs& args) const = 0;
  virtual void SortPairs(const SortPairsArgs& args) const = 0;
  virtual void PackPairGradients(const PackPairGradientsArgs& args) const = 0;
  virtual void UnpackPairGradients(const UnpackPairGradientsArgs& args) const = 0;
  virtual void RelayPairs(const RelayPairsArgs& args) const = 0;
  virtual void RelayPairGradients(const RelayPairGradientsArgs& args) const = 0;
  virtual void DecideUpdate(const DecideUpdateArgs& args) const = 0;
  virtual void AdamW(const AdamWArgs& args) const = 0;
  // y += x.
  virtual void Add(int64_t size, const float* x, float* y) const = 0;
  // *sum += the sum of x, of x^2, in double precision.
  virtual void AddSum(int64_t size, const float* x, double* sum) const = 0;
  virtual void AddSumOfSquares(int64_t size, const float* x, double* sum) const = 0;
};

// The CPU twin; lives for ever.
const Kernels& CpuKernels();

}  // namespace grouter

#endif  // GROUTER_KERNELS_KERNELS_H_
