#include "routing/network/tensors/teacher.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "routing/network/router.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxJsonBytes = 64 << 20;

absl::StatusOr<Json> ReadJson(const std::string& path, FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(path, kMaxJsonBytes));
  Json json = ParseJson(text);
  if (!json.is_object()) {
    return Error(absl::StatusCode::kInvalidArgument, "not a JSON object", path,
                 "give a model's checkpoint folder");
  }
  return json;
}

// A whole number of config.json in [1, 2^24]; `fallback` when it is absent and fallback is not 0.
absl::StatusOr<int64_t> Size(const Json& config, const char* name, int64_t fallback,
                             absl::string_view where) {
  const auto it = config.find(name);
  if ((it == config.end() || it->is_null()) && fallback != 0) return fallback;
  if (it == config.end() || !it->is_number_unsigned() || it->get<uint64_t>() < 1 ||
      it->get<uint64_t>() > 1 << 24) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat(name, " is missing or not a size"), where,
                 "give the config.json that belongs to the checkpoint");
  }
  return it->get<int64_t>();
}

absl::StatusOr<double> Positive(const Json& config, const char* name, double fallback,
                                absl::string_view where) {
  const auto it = config.find(name);
  if (it == config.end()) return fallback;
  if (!it->is_number() || !(it->get<double>() > 0)) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat(name, " is not above 0"), where,
                 "give the config.json that belongs to the checkpoint");
  }
  return it->get<double>();
}

// The tensors of a checkpoint, in one file or in parts.
class Checkpoint {
 public:
  static absl::StatusOr<Checkpoint> Open(const std::string& folder, FileSystem& files) {
    Checkpoint checkpoint;
    const std::string whole = JoinPath(folder, "model.safetensors");
    const std::string index = whole + ".index.json";
    std::vector<std::string> parts;
    if (files.Exists(whole) || !files.Exists(index)) {
      parts.push_back(whole);
    } else {
      GROUTER_ASSIGN_OR_RETURN(const Json json, ReadJson(index, files));
      const Json map = json.value("weight_map", Json::object());
      for (const Json& part : map.is_object() ? map : Json::object()) {
        const std::string name = part.is_string() ? part.get<std::string>() : "";
        if (name.empty() || name.find('/') != std::string::npos) {
          return Error(absl::StatusCode::kInvalidArgument,
                       "weight_map names something else than a file beside it", index,
                       "download the checkpoint again");
        }
        parts.push_back(JoinPath(folder, name));
      }
      std::sort(parts.begin(), parts.end());
      parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
    }
    for (const std::string& part : parts) {
      GROUTER_ASSIGN_OR_RETURN(auto file, SafetensorsFile::Open(part, files));
      checkpoint.files_.push_back({part, std::move(file)});
    }
    return checkpoint;
  }

  bool Has(const std::string& name) const {
    return std::any_of(files_.begin(), files_.end(),
                       [&](const auto& file) { return file.second->Find(name) != nullptr; });
  }

  absl::StatusOr<at::Tensor> Get(const std::string& name, std::vector<int64_t> shape) const {
    const std::vector<uint64_t> wanted(shape.begin(), shape.end());
    absl::StatusOr<TensorView> view = absl::NotFoundError("");
    for (const auto& [path, file] : files_) {
      if (view.ok() || (file->Find(name) == nullptr && path != files_.back().first)) continue;
      view = file->Get(name, wanted);
      GROUTER_RETURN_IF_ERROR(view.status());
      GROUTER_ASSIGN_OR_RETURN(const std::vector<float> values, TensorValues(*view, path));
      at::Tensor tensor = at::empty(shape, at::kFloat);
      std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
      return tensor;
    }
    return view.status();
  }

 private:
  std::vector<std::pair<std::string, std::shared_ptr<const SafetensorsFile>>> files_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Teacher>> Teacher::Load(const std::string& folder, FileSystem& files) {
  const std::string where = JoinPath(folder, "config.json");
  GROUTER_ASSIGN_OR_RETURN(const Json config, ReadJson(where, files));
  std::unique_ptr<Teacher> teacher(new Teacher);
  AttentionRule& rule = teacher->rule_;
  GROUTER_ASSIGN_OR_RETURN(const int64_t vocab, Size(config, "vocab_size", 0, where));
  GROUTER_ASSIGN_OR_RETURN(const int64_t hidden, Size(config, "hidden_size", 0, where));
  GROUTER_ASSIGN_OR_RETURN(const int64_t num_layers, Size(config, "num_hidden_layers", 0, where));
  GROUTER_ASSIGN_OR_RETURN(rule.num_heads, Size(config, "num_attention_heads", 0, where));
  GROUTER_ASSIGN_OR_RETURN(rule.num_kv_heads, Size(config, "num_key_value_heads", rule.num_heads, where));
  GROUTER_ASSIGN_OR_RETURN(rule.head_size,
                           Size(config, "head_dim", std::max<int64_t>(hidden / rule.num_heads, 1), where));
  GROUTER_ASSIGN_OR_RETURN(const int64_t num_experts, Size(config, "num_experts", 0, where));
  GROUTER_ASSIGN_OR_RETURN(const int64_t k, Size(config, "num_experts_per_tok", 0, where));
  GROUTER_ASSIGN_OR_RETURN(rule.rms_norm_eps, Positive(config, "rms_norm_eps", 1e-6, where));
  GROUTER_ASSIGN_OR_RETURN(teacher->rope_theta_, Positive(config, "rope_theta", 1e6, where));
  if (rule.num_heads % rule.num_kv_heads != 0 || rule.head_size % 2 != 0 || num_experts < 2 ||
      num_experts > 65536 || k > 16 || k > num_experts) {
    return Error(
        absl::StatusCode::kInvalidArgument, "heads, experts or experts per token do not fit together", where,
        "use a model whose head size is even, with 2 to 65536 experts and at most 16 of them per token");
  }
  teacher->vocab_size_ = static_cast<uint32_t>(vocab);
  teacher->num_experts_ = static_cast<uint32_t>(num_experts);
  teacher->k_ = static_cast<uint32_t>(k);

  GROUTER_ASSIGN_OR_RETURN(const Checkpoint weights, Checkpoint::Open(folder, files));
  const at::NoGradGuard no_gradient;
  GROUTER_ASSIGN_OR_RETURN(teacher->embedding_, weights.Get("model.embed_tokens.weight", {vocab, hidden}));
  const int64_t q_size = rule.num_heads * rule.head_size;
  const int64_t kv_size = rule.num_kv_heads * rule.head_size;
  for (int64_t n = 0; n < num_layers && !teacher->gate_.defined(); ++n) {
    const std::string layer_name = absl::StrCat("model.layers.", n, ".");
    Layer layer;
    GROUTER_ASSIGN_OR_RETURN(layer.attention.norm,
                             weights.Get(layer_name + "input_layernorm.weight", {hidden}));
    GROUTER_ASSIGN_OR_RETURN(layer.attention.q,
                             weights.Get(layer_name + "self_attn.q_proj.weight", {q_size, hidden}));
    GROUTER_ASSIGN_OR_RETURN(layer.attention.k,
                             weights.Get(layer_name + "self_attn.k_proj.weight", {kv_size, hidden}));
    GROUTER_ASSIGN_OR_RETURN(layer.attention.v,
                             weights.Get(layer_name + "self_attn.v_proj.weight", {kv_size, hidden}));
    GROUTER_ASSIGN_OR_RETURN(layer.attention.o,
                             weights.Get(layer_name + "self_attn.o_proj.weight", {hidden, q_size}));
    if (weights.Has(layer_name + "self_attn.q_norm.weight")) {
      GROUTER_ASSIGN_OR_RETURN(layer.attention.q_norm,
                               weights.Get(layer_name + "self_attn.q_norm.weight", {rule.head_size}));
      GROUTER_ASSIGN_OR_RETURN(layer.attention.k_norm,
                               weights.Get(layer_name + "self_attn.k_norm.weight", {rule.head_size}));
    }
    GROUTER_ASSIGN_OR_RETURN(layer.mlp.norm,
                             weights.Get(layer_name + "post_attention_layernorm.weight", {hidden}));
    if (weights.Has(layer_name + "mlp.gate.weight")) {
      GROUTER_ASSIGN_OR_RETURN(teacher->gate_,
                               weights.Get(layer_name + "mlp.gate.weight", {num_experts, hidden}));
    } else {
      GROUTER_ASSIGN_OR_RETURN(const int64_t size, Size(config, "intermediate_size", 0, where));
      GROUTER_ASSIGN_OR_RETURN(layer.mlp.gate,
                               weights.Get(layer_name + "mlp.gate_proj.weight", {size, hidden}));
      GROUTER_ASSIGN_OR_RETURN(layer.mlp.up, weights.Get(layer_name + "mlp.up_proj.weight", {size, hidden}));
      GROUTER_ASSIGN_OR_RETURN(layer.mlp.down,
                               weights.Get(layer_name + "mlp.down_proj.weight", {hidden, size}));
    }
    teacher->layers_.push_back(std::move(layer));
  }
  if (!teacher->gate_.defined()) {
    return Error(absl::StatusCode::kInvalidArgument, "no layer has mlp.gate.weight", folder,
                 "give a Mixture-of-Experts model");
  }
  return std::unique_ptr<const Teacher>(std::move(teacher));
}

at::Tensor Teacher::Scores(const TokenBatch& batch) const {
  const at::NoGradGuard no_gradient;
  const Rotation rotation = MakeRotation(batch.positions, rule_.head_size, rope_theta_);
  at::Tensor x = at::embedding(embedding_, batch.ids);
  for (size_t n = 0; n < layers_.size(); ++n) {
    x = AddAttention(x, layers_[n].attention, rule_, rotation, batch.span_lengths);
    if (n + 1 < layers_.size()) x = AddMlp(x, layers_[n].mlp, rule_.rms_norm_eps);
  }
  return at::linear(RmsNorm(x, layers_.back().mlp.norm, rule_.rms_norm_eps), gate_);
}

}  // namespace grouter
