// The dense parameters (all but the experts) in one flat buffer, so that reduction, clipping and the
// optimizer are one call each; and the initial values of all parameters, which depend on names alone.
#ifndef GROUTER_TRAINER_MODEL_PARAMETERS_H_
#define GROUTER_TRAINER_MODEL_PARAMETERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/device/device_buffer.h"
#include "trainer/experts/expert_shape.h"
#include "trainer/model/model_config.h"

namespace grouter {

// One named tensor inside the flat buffer.
struct ParameterSpec {
  std::string name;  // Hugging Face's
  std::vector<uint64_t> shape;
  uint64_t offset = 0;  // in floats
  bool decays = true;   // weight decay: matrices, not norms
  uint64_t size() const;
};

// Offsets of one layer's parameters. q, k and v lie next to each other: together [3D, D].
struct LayerOffsets {
  uint64_t input_norm = 0;
  uint64_t qkv = 0;
  uint64_t o = 0;
  uint64_t post_norm = 0;
  uint64_t gate = 0;  // [E, D]
};

// Weights, gradients and AdamW's moments of the dense parameters. Matrices come before norms in the buffer,
// so that decaying parameters are one range. One thread at a time.
class DenseParameters {
 public:
  // On `device`, which outlives them; zero. RESOURCE_EXHAUSTED.
  static absl::StatusOr<DenseParameters> Create(const ModelConfig& config, Device& device = CpuDevice());

  const std::vector<ParameterSpec>& specs() const { return specs_; }
  Device& device() const { return *device_; }
  uint64_t size() const { return size_; }
  uint64_t num_decaying() const { return num_decaying_; }  // the first so many floats decay
  float* weights() { return planes_.data(); }
  float* gradients() { return planes_.data() + size_; }
  float* means() { return planes_.data() + 2 * size_; }
  float* variances() { return planes_.data() + 3 * size_; }

  uint64_t embedding() const { return embedding_; }    // [V, D]
  uint64_t final_norm() const { return final_norm_; }  // [D]
  uint64_t lm_head() const { return lm_head_; }        // [V, D]
  const LayerOffsets& layer(uint32_t layer) const { return layers_[layer]; }

  // Norms 1; matrices normal with deviation 0.02, projections back to the residual 0.02 / sqrt(2 layers).
  absl::Status Initialize(const ModelConfig& config, uint64_t seed);

 private:
  std::vector<ParameterSpec> specs_;
  std::vector<LayerOffsets> layers_;
  uint64_t size_ = 0;
  uint64_t num_decaying_ = 0;
  uint64_t embedding_ = 0;
  uint64_t final_norm_ = 0;
  uint64_t lm_head_ = 0;
  Device* device_ = nullptr;
  FloatBuffer planes_;
};

// Initial weights of one expert, on the host: the same on whichever rank it lies.
void InitializeExpert(const ModelConfig& config, uint32_t layer, uint32_t expert, uint64_t seed,
                      float* weights);

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_PARAMETERS_H_
