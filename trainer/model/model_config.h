// The shape of the language model: a decoder-only transformer whose every layer is a mixture of experts.
#ifndef GROUTER_TRAINER_MODEL_MODEL_CONFIG_H_
#define GROUTER_TRAINER_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "trainer/experts/expert_shape.h"

namespace grouter {

// Names and meanings are Hugging Face's (Qwen3-MoE), without biases, without shared experts: pre-norm
// RMSNorm, attention with rotary embedding in the half-split form, SwiGLU experts, gate = softmax over the
// selected.
struct ModelConfig {
  uint32_t vocab_size = 0;
  uint32_t hidden_size = 0;
  uint32_t num_hidden_layers = 0;
  uint32_t num_attention_heads = 0;
  uint32_t moe_intermediate_size = 0;
  uint32_t num_experts = 0;
  uint32_t num_experts_per_tok = 0;
  uint32_t max_position_embeddings = 4096;
  float rms_norm_eps = 1e-6f;
  double rope_theta = 1e6;

  uint32_t head_size() const { return hidden_size / num_attention_heads; }
  ExpertShape expert_shape() const { return {hidden_size, moe_intermediate_size}; }
  // INVALID_ARGUMENT lists every problem.
  absl::Status Validate() const;
  // config.json of a checkpoint folder. Unknown fields are kept out and ignored on reading.
  std::string ToJson() const;
  static absl::StatusOr<ModelConfig> FromJson(absl::string_view json, absl::string_view where);
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_MODEL_CONFIG_H_
