#include "routing/network/tensors/router_tensors.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

RouterTensors::RouterTensors(const Router& router, bool trainable) : spec_(router.spec) {
  const RouterShape& shape = spec_.shape;
  rule_.num_heads = rule_.num_kv_heads = shape.num_heads;
  rule_.head_size = shape.hidden_size / shape.num_heads;
  rule_.rms_norm_eps = shape.rms_norm_eps;
  rule_.causal = spec_.causality == Causality::kCausal;
  for (const auto& [name, dimensions] : RouterTensorShapes(shape)) {
    const RouterTensor& source = router.tensors.at(name);
    at::Tensor tensor = at::empty(std::vector<int64_t>(dimensions.begin(), dimensions.end()), at::kFloat);
    GROUTER_CHECK(static_cast<size_t>(tensor.numel()) == source.values.size());
    std::copy(source.values.begin(), source.values.end(), tensor.data_ptr<float>());
    tensors_[name] = tensor.requires_grad_(trainable);
  }
  embedding_ = tensors_.at("grouter_structure.model.embed_tokens.embed_tokens.weight");
  norm_ = tensors_.at("grouter_structure.model.norm.weight");
  score_ = tensors_.at(kScoreWeight);
  for (uint32_t n = 0; n < shape.num_blocks; ++n) {
    const auto get = [&](const char* name) {
      return tensors_.at(absl::StrCat("grouter_structure.model.layers.", n, ".", name, ".weight"));
    };
    Block block;
    block.attention.norm = get("input_layernorm");
    block.attention.q = get("self_attn.q_proj");
    block.attention.k = get("self_attn.k_proj");
    block.attention.v = get("self_attn.v_proj");
    block.attention.o = get("self_attn.o_proj");
    block.mlp.norm = get("post_attention_layernorm");
    block.mlp.gate = get("mlp.gate_proj");
    block.mlp.up = get("mlp.up_proj");
    block.mlp.down = get("mlp.down_proj");
    blocks_.push_back(std::move(block));
  }
}

void RouterTensors::StoreTo(Router* router) const {
  for (const auto& [name, tensor] : tensors_) {
    RouterTensor& target = router->tensors.at(name);
    const float* values = tensor.data_ptr<float>();
    std::copy(values, values + target.values.size(), target.values.begin());
  }
}

at::Tensor RouterTensors::Hidden(const TokenBatch& batch) const {
  at::Tensor x = at::embedding(embedding_, batch.ids);
  if (!blocks_.empty()) {
    const Rotation rotation = MakeRotation(batch.positions, rule_.head_size, spec_.shape.rope_theta);
    for (const Block& block : blocks_) {
      x = AddAttention(x, block.attention, rule_, rotation, batch.span_lengths);
      x = AddMlp(x, block.mlp, rule_.rms_norm_eps);
    }
  }
  return RmsNorm(x, norm_, rule_.rms_norm_eps);
}

at::Tensor RouterTensors::Scores(const at::Tensor& hidden) const { return at::linear(hidden, score_); }

std::vector<at::Tensor> RouterTensors::parameters() const {
  std::vector<at::Tensor> parameters;
  for (const auto& [name, tensor] : tensors_) parameters.push_back(tensor);
  return parameters;
}

}  // namespace grouter
