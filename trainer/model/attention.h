// The attention half of a layer: norm, projections, rotary embedding, block-diagonal causal attention, output
// projection, residual.
#ifndef GROUTER_TRAINER_MODEL_ATTENTION_H_
#define GROUTER_TRAINER_MODEL_ATTENTION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "trainer/device/device_buffer.h"
#include "trainer/model/model_config.h"

namespace grouter {

// Tokens [first, first + length) that see each other's past and nothing else (design: one context rule).
struct Segment {
  uint32_t first = 0;
  uint32_t length = 0;
};

// Rotary tables for positions below `max_positions`, on the host. Immutable.
struct RotaryTables {
  std::vector<float> cosines;  // [max_positions, head_size / 2]
  std::vector<float> sines;
  static RotaryTables Make(uint32_t head_size, uint32_t max_positions, double theta);
};

// Tokens of one micro-batch as attention sees them. Views; positions are inside the segment and on the
// device.
struct AttentionInput {
  uint32_t num_tokens = 0;
  const int32_t* positions = nullptr;  // [T]
  const std::vector<Segment>* segments = nullptr;
};

// Weights and their gradients; gradients accumulate.
struct AttentionParameters {
  const float* norm = nullptr;  // [D]
  const float* qkv = nullptr;   // [3D, D]
  const float* o = nullptr;     // [D, D]
  float* dnorm = nullptr;
  float* dqkv = nullptr;
  float* do_ = nullptr;
};

// What forward keeps for backward. Reused from step to step; the attention library's own results are inside.
class AttentionActivations {
 public:
  AttentionActivations();
  ~AttentionActivations();
  AttentionActivations(AttentionActivations&&) noexcept;

  struct Kept;
  FloatBuffer inverse_rms;  // [T]
  FloatBuffer normed;       // [T, D]
  FloatBuffer qkv;          // [T, 3D] after rotation
  FloatBuffer mixed;        // [T, D] heads' outputs
  std::unique_ptr<Kept> kept;
};

// Shared by all layers: scratch memory. One thread at a time.
class Attention {
 public:
  Attention(const ModelConfig& config, Device& device, const RotaryTables& tables);
  // y [T, D] += attention(norm(x)). y already holds the residual.
  void Forward(const AttentionInput& input, const AttentionParameters& parameters, const float* x, float* y,
               AttentionActivations* keep);
  // dx [T, D], which already holds the residual's gradient dy, += gradient through the block. dx and dy may
  // be the same buffer.
  void Backward(const AttentionInput& input, const AttentionParameters& parameters,
                const AttentionActivations& kept, const float* x, const float* dy, float* dx);

 private:
  void Rotate(const AttentionInput& input, float* qkv, bool inverse) const;
  const ModelConfig config_;
  Device& device_;
  const Kernels& kernels_;
  FloatBuffer cosines_, sines_;  // on the device
  FloatBuffer dmixed_, dqkv_, dnormed_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_ATTENTION_H_
