#include "trainer/model/model_config.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {

absl::Status ModelConfig::Validate() const {
  std::vector<std::string> problems;
  const auto positive = [&problems](uint32_t value, const char* name) {
    if (value == 0) problems.push_back(absl::StrCat(name, " must be above 0"));
  };
  positive(vocab_size, "vocab_size");
  positive(hidden_size, "hidden_size");
  positive(num_hidden_layers, "num_hidden_layers");
  positive(num_attention_heads, "num_attention_heads");
  positive(moe_intermediate_size, "moe_intermediate_size");
  positive(num_experts_per_tok, "num_experts_per_tok");
  positive(max_position_embeddings, "max_position_embeddings");
  if (num_experts < 2 || num_experts > 65536) problems.push_back("num_experts must be 2 to 65536");
  if (num_experts_per_tok > 16 || num_experts_per_tok > num_experts) {
    problems.push_back("num_experts_per_tok must be at most 16 and at most num_experts");
  }
  if (num_attention_heads > 0 && hidden_size % (2 * num_attention_heads) != 0) {
    problems.push_back("hidden_size must be a multiple of twice num_attention_heads");
  }
  if (!(rms_norm_eps > 0) || !(rope_theta > 1))
    problems.push_back("rms_norm_eps and rope_theta must be positive");
  if (problems.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, absl::StrJoin(problems, "; "), "model",
               "correct these fields of the model's configuration");
}

std::string ModelConfig::ToJson() const {
  nlohmann::ordered_json json;
  json["architectures"] = {"Qwen3MoeForCausalLM"};
  json["model_type"] = "qwen3_moe";
  json["vocab_size"] = vocab_size;
  json["hidden_size"] = hidden_size;
  json["num_hidden_layers"] = num_hidden_layers;
  json["num_attention_heads"] = num_attention_heads;
  json["num_key_value_heads"] = num_attention_heads;
  json["head_dim"] = head_size();
  json["moe_intermediate_size"] = moe_intermediate_size;
  json["num_experts"] = num_experts;
  json["num_experts_per_tok"] = num_experts_per_tok;
  json["norm_topk_prob"] = true;
  json["max_position_embeddings"] = max_position_embeddings;
  json["rms_norm_eps"] = rms_norm_eps;
  json["rope_theta"] = rope_theta;
  json["hidden_act"] = "silu";
  json["attention_bias"] = false;
  json["tie_word_embeddings"] = false;
  json["grouter"] = {{"format", 1}, {"qk_norm", false}};
  return json.dump(2) + "\n";
}

absl::StatusOr<ModelConfig> ModelConfig::FromJson(absl::string_view text, absl::string_view where) {
  const nlohmann::json json = ParseJson(text);
  if (!json.is_object()) {
    return Error(absl::StatusCode::kInvalidArgument, "a model's configuration is a JSON object", where);
  }
  ModelConfig config;
  std::vector<std::string> problems;
  const auto read = [&](const char* name, auto* value, bool required) {
    const auto it = json.find(name);
    if (it == json.end()) {
      if (required) problems.push_back(absl::StrCat(name, " is missing"));
      return;
    }
    using T = std::remove_reference_t<decltype(*value)>;
    const bool good = std::is_integral<T>::value
                          ? it->is_number_unsigned() && it->template get<uint64_t>() <= UINT32_MAX
                          : it->is_number();
    if (!good) {
      problems.push_back(absl::StrCat(name, " is not a number in range"));
      return;
    }
    *value = it->template get<T>();
  };
  read("vocab_size", &config.vocab_size, true);
  read("hidden_size", &config.hidden_size, true);
  read("num_hidden_layers", &config.num_hidden_layers, true);
  read("num_attention_heads", &config.num_attention_heads, true);
  read("moe_intermediate_size", &config.moe_intermediate_size, true);
  read("num_experts", &config.num_experts, true);
  read("num_experts_per_tok", &config.num_experts_per_tok, true);
  read("max_position_embeddings", &config.max_position_embeddings, false);
  read("rms_norm_eps", &config.rms_norm_eps, false);
  read("rope_theta", &config.rope_theta, false);
  if (!problems.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrJoin(problems, "; "), where,
                 "correct these fields of the model's configuration");
  }
  GROUTER_RETURN_IF_ERROR(Annotate(config.Validate(), where));
  return config;
}

}  // namespace grouter
