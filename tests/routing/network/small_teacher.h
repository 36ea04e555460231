// A random Mixture-of-Experts checkpoint under Hugging Face's names, written to a folder.
#ifndef GROUTER_TESTS_ROUTING_NETWORK_SMALL_TEACHER_H_
#define GROUTER_TESTS_ROUTING_NETWORK_SMALL_TEACHER_H_

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/file.h"
#include "io/random.h"
#include "io/safetensors.h"

namespace grouter {

struct SmallTeacher {
  uint64_t vocab_size = 40;
  uint64_t hidden_size = 16;
  uint64_t num_heads = 4;
  uint64_t num_kv_heads = 4;
  uint64_t head_size = 4;
  uint64_t num_layers = 2;
  uint64_t num_dense_layers = 0;  // before the first MoE layer
  uint64_t intermediate_size = 20;
  uint64_t num_experts = 8;
  uint64_t k = 2;
  bool head_norms = false;
  uint64_t seed = 1;

  std::map<std::string, std::vector<uint64_t>> Shapes() const {
    std::map<std::string, std::vector<uint64_t>> shapes = {
        {"model.embed_tokens.weight", {vocab_size, hidden_size}},
        {"model.norm.weight", {hidden_size}},
        {"lm_head.weight", {vocab_size, hidden_size}}};
    for (uint64_t n = 0; n < num_layers; ++n) {
      const std::string layer = absl::StrCat("model.layers.", n, ".");
      shapes[layer + "input_layernorm.weight"] = {hidden_size};
      shapes[layer + "post_attention_layernorm.weight"] = {hidden_size};
      shapes[layer + "self_attn.q_proj.weight"] = {num_heads * head_size, hidden_size};
      shapes[layer + "self_attn.k_proj.weight"] = {num_kv_heads * head_size, hidden_size};
      shapes[layer + "self_attn.v_proj.weight"] = {num_kv_heads * head_size, hidden_size};
      shapes[layer + "self_attn.o_proj.weight"] = {hidden_size, num_heads * head_size};
      if (head_norms)
        shapes[layer + "self_attn.q_norm.weight"] = shapes[layer + "self_attn.k_norm.weight"] = {head_size};
      if (n < num_dense_layers) {
        shapes[layer + "mlp.gate_proj.weight"] = {intermediate_size, hidden_size};
        shapes[layer + "mlp.up_proj.weight"] = {intermediate_size, hidden_size};
        shapes[layer + "mlp.down_proj.weight"] = {hidden_size, intermediate_size};
      } else {
        shapes[layer + "mlp.gate.weight"] = {num_experts, hidden_size};
      }
    }
    return shapes;
  }

  // Values of one tensor: a function of seed and name.
  std::vector<float> Values(const std::string& name) const {
    uint64_t size = 1;
    const auto shapes = Shapes();
    for (const uint64_t extent : shapes.at(name)) size *= extent;
    uint64_t purpose = 0;
    for (const char c : name) purpose = Mix64(purpose + static_cast<unsigned char>(c));
    Random random(seed, purpose);
    const bool norm = name.find("norm") != std::string::npos;
    std::vector<float> values(size);
    for (float& value : values) {
      value = static_cast<float>(norm ? 0.5 + random.Uniform() : 1.2 * (random.Uniform() - 0.5));
    }
    return values;
  }

  nlohmann::json Config() const {
    return {{"vocab_size", vocab_size},
            {"hidden_size", hidden_size},
            {"num_hidden_layers", num_layers},
            {"num_attention_heads", num_heads},
            {"num_key_value_heads", num_kv_heads},
            {"head_dim", head_size},
            {"intermediate_size", intermediate_size},
            {"moe_intermediate_size", 8},
            {"num_experts", num_experts},
            {"num_experts_per_tok", k},
            {"rms_norm_eps", 1e-6},
            {"rope_theta", 10000.0}};
  }

  // Writes the tensors whose names pass; returns the folder.
  template <typename Keep>
  std::string Write(const std::string& name, Keep keep) const {
    const std::string folder = JoinPath(::testing::TempDir(), name);
    FileSystem& files = FileSystem::Local();
    EXPECT_TRUE(files.RemoveTree(folder).ok());
    EXPECT_TRUE(files.MakeFolders(folder).ok());
    EXPECT_TRUE(WriteFileAtomically(files, JoinPath(folder, "config.json"), Config().dump()).ok());
    std::map<std::string, std::vector<float>> values;
    std::vector<TensorView> views;
    for (const auto& [tensor, shape] : Shapes()) {
      if (!keep(tensor)) continue;
      values[tensor] = Values(tensor);
      const std::vector<float>& data = values[tensor];
      views.push_back(
          {{tensor, TensorType::kF32, shape},
           absl::string_view(reinterpret_cast<const char*>(data.data()), data.size() * sizeof(float))});
    }
    EXPECT_TRUE(WriteSafetensors(JoinPath(folder, "model.safetensors"), views).ok());
    return folder;
  }
  std::string Write(const std::string& name) const {
    return Write(name, [](const std::string&) { return true; });
  }
};

}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_NETWORK_SMALL_TEACHER_H_
