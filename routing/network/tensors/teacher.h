// The frozen beginning of a teacher: everything up to the scores of its FIRST MoE layer, which is what the
// router learns to give. Later layers are never read. For this room's sources.
//
// A checkpoint folder holds config.json and model.safetensors (or model.safetensors.index.json with its
// parts), under Hugging Face's Qwen3-MoE names; grouped key and value heads, norms over heads and dense
// layers before the first MoE layer are understood.
#ifndef GROUTER_ROUTING_NETWORK_TENSORS_TEACHER_H_
#define GROUTER_ROUTING_NETWORK_TENSORS_TEACHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "routing/network/tensors/transformer.h"

namespace grouter {

// Immutable and thread-safe.
class Teacher {
 public:
  // NOT_FOUND, INVALID_ARGUMENT (names file, field or tensor): no MoE layer, a shape that does not fit
  // config.json.
  static absl::StatusOr<std::unique_ptr<const Teacher>> Load(const std::string& folder,
                                                             FileSystem& files = FileSystem::Local());

  uint32_t vocab_size() const { return vocab_size_; }
  uint32_t num_experts() const { return num_experts_; }
  uint32_t k() const { return k_; }
  uint32_t num_layers_loaded() const { return static_cast<uint32_t>(layers_.size()); }

  // [T, E] scores of the first MoE layer, before any softmax. Takes no gradient.
  at::Tensor Scores(const TokenBatch& batch) const;

 private:
  struct Layer {
    AttentionWeights attention;
    MlpWeights mlp;  // of a dense layer; of the MoE layer only `norm` is there
  };
  Teacher() = default;
  uint32_t vocab_size_ = 0;
  uint32_t num_experts_ = 0;
  uint32_t k_ = 0;
  double rope_theta_ = 1e6;
  AttentionRule rule_;
  at::Tensor embedding_;
  std::vector<Layer> layers_;  // the last one is the MoE layer
  at::Tensor gate_;            // [E, H]
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_TENSORS_TEACHER_H_
