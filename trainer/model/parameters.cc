#include "trainer/model/parameters.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/digest.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

constexpr double kDeviation = 0.02;

// Normal values from the name and the seed (Box and Muller).
void FillNormal(const std::string& name, uint64_t seed, double deviation, float* values, uint64_t size) {
  const Digest digest = Sha256(name);
  uint64_t purpose = 0;
  for (int i = 0; i < 8; ++i) purpose = purpose << 8 | digest.bytes[i];
  Random random(seed, purpose);
  for (uint64_t i = 0; i < size; i += 2) {
    const double radius = deviation * std::sqrt(-2.0 * std::log(1.0 - random.Uniform()));
    const double angle = 6.283185307179586 * random.Uniform();
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < size) values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

double ResidualDeviation(const ModelConfig& config) {
  return kDeviation / std::sqrt(2.0 * config.num_hidden_layers);
}

}  // namespace

uint64_t ParameterSpec::size() const {
  return std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<uint64_t>());
}

absl::StatusOr<DenseParameters> DenseParameters::Create(const ModelConfig& config, Device& device) {
  DenseParameters parameters;
  parameters.device_ = &device;
  const uint64_t d = config.hidden_size;
  const auto add = [&parameters](std::string name, std::vector<uint64_t> shape, bool decays) {
    ParameterSpec spec{std::move(name), std::move(shape), parameters.size_, decays};
    parameters.size_ += spec.size();
    if (decays) parameters.num_decaying_ = parameters.size_;
    parameters.specs_.push_back(std::move(spec));
    return parameters.specs_.back().offset;
  };
  parameters.embedding_ = add("model.embed_tokens.weight", {config.vocab_size, d}, true);
  parameters.layers_.resize(config.num_hidden_layers);
  for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
    const std::string layer = absl::StrCat("model.layers.", l, ".");
    LayerOffsets& offsets = parameters.layers_[l];
    offsets.qkv = add(layer + "self_attn.q_proj.weight", {d, d}, true);
    add(layer + "self_attn.k_proj.weight", {d, d}, true);
    add(layer + "self_attn.v_proj.weight", {d, d}, true);
    offsets.o = add(layer + "self_attn.o_proj.weight", {d, d}, true);
    offsets.gate = add(layer + "mlp.gate.weight", {config.num_experts, d}, true);
  }
  parameters.lm_head_ = add("lm_head.weight", {config.vocab_size, d}, true);
  for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
    const std::string layer = absl::StrCat("model.layers.", l, ".");
    parameters.layers_[l].input_norm = add(layer + "input_layernorm.weight", {d}, false);
    parameters.layers_[l].post_norm = add(layer + "post_attention_layernorm.weight", {d}, false);
  }
  parameters.final_norm_ = add("model.norm.weight", {d}, false);
  GROUTER_ASSIGN_OR_RETURN(parameters.planes_,
                           ZeroedFloats(device, 4 * parameters.size_, "dense parameters"));
  return parameters;
}

absl::Status DenseParameters::Initialize(const ModelConfig& config, uint64_t seed) {
  for (const ParameterSpec& spec : specs_) {
    std::vector<float> values(spec.size(), 1.0f);
    if (spec.decays) {
      const bool residual = absl::EndsWith(spec.name, "o_proj.weight");
      FillNormal(spec.name, seed, residual ? ResidualDeviation(config) : kDeviation, values.data(),
                 values.size());
    }
    GROUTER_RETURN_IF_ERROR(WriteFloats(*device_, weights() + spec.offset, values.data(), values.size()));
  }
  return absl::OkStatus();
}

void InitializeExpert(const ModelConfig& config, uint32_t layer, uint32_t expert, uint64_t seed,
                      float* weights) {
  const ExpertShape shape = config.expert_shape();
  const std::string name = absl::StrCat("model.layers.", layer, ".mlp.experts.", expert, ".");
  FillNormal(name + "gate_up_proj", seed, kDeviation, weights, shape.gate_up_size());
  FillNormal(name + "down_proj", seed, ResidualDeviation(config), weights + shape.gate_up_size(),
             shape.down_size());
}

}  // namespace grouter
