#include "tools/pipeline/settings.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {
namespace {

using Json = nlohmann::ordered_json;

// Takes every field out of one JSON object and remembers what is wrong with it.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(json) {}

  template <typename T>
  void Number(const char* name, T* value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (std::is_floating_point<T>::value ? !field->is_number() : !field->is_number_unsigned()) {
      problems_.push_back(absl::StrCat(name, " is no number above or equal 0"));
      return;
    }
    *value = field->get<T>();
  }
  void Text(const char* name, std::string* value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_string()) {
      problems_.push_back(absl::StrCat(name, " is no text"));
      return;
    }
    *value = field->get<std::string>();
  }
  void Object(const char* name, std::string* json) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_object()) {
      problems_.push_back(absl::StrCat(name, " is no object"));
      return;
    }
    *json = field->dump();
  }
  std::vector<std::string> Problems() {
    for (const auto& item : json_.items()) {
      if (seen_.count(item.key()) == 0) problems_.push_back(absl::StrCat(item.key(), " is unknown"));
    }
    return problems_;
  }

 private:
  const Json* Find(const char* name) {
    seen_.insert(name);
    const auto it = json_.find(name);
    if (it != json_.end()) return &*it;
    problems_.push_back(absl::StrCat(name, " is missing"));
    return nullptr;
  }
  const Json& json_;
  std::set<std::string> seen_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<PipelineSettings> ParseSettings(absl::string_view text, absl::string_view where) {
  const Json json = ParseOrderedJson(text);
  if (!json.is_object()) {
    return Error(absl::StatusCode::kInvalidArgument, "the settings are no JSON object", where,
                 "see docs/demo.md");
  }
  PipelineSettings s;
  Fields fields(json);
  fields.Text("name", &s.name);
  fields.Number("max_bytes_per_domain", &s.max_bytes_per_domain);
  fields.Number("vocab_size", &s.vocab_size);
  fields.Number("sequence_length", &s.sequence_length);
  fields.Object("teacher_model", &s.teacher_model_json);
  fields.Object("teacher_optimizer", &s.teacher_optimizer_json);
  fields.Number("teacher_steps", &s.teacher_steps);
  fields.Number("teacher_samples_per_step", &s.teacher_samples_per_step);
  fields.Number("teacher_eval_interval", &s.teacher_eval_interval);
  fields.Number("teacher_eval_steps", &s.teacher_eval_steps);
  fields.Number("router_hidden_size", &s.router_hidden_size);
  fields.Number("router_blocks", &s.router_blocks);
  fields.Number("router_heads", &s.router_heads);
  fields.Number("router_mlp_size", &s.router_mlp_size);
  fields.Number("distill_tokens", &s.distill_tokens);
  fields.Number("distill_tokens_per_step", &s.distill_tokens_per_step);
  fields.Number("distill_learning_rate", &s.distill_learning_rate);
  fields.Number("valid_tokens", &s.valid_tokens);
  fields.Number("folded_experts", &s.folded_experts);
  fields.Number("fold_tokens", &s.fold_tokens);
  fields.Number("tune_tokens", &s.tune_tokens);
  fields.Number("tune_tokens_per_step", &s.tune_tokens_per_step);
  fields.Number("tune_learning_rate", &s.tune_learning_rate);
  fields.Object("model", &s.model_json);
  fields.Object("optimizer", &s.optimizer_json);
  fields.Number("ranks", &s.ranks);
  fields.Number("train_steps", &s.train_steps);
  fields.Number("samples_per_step", &s.samples_per_step);
  fields.Number("micro_batches", &s.micro_batches);
  fields.Number("chunks", &s.chunks);
  fields.Number("eval_interval", &s.eval_interval);
  fields.Number("eval_steps", &s.eval_steps);
  fields.Number("checkpoint_interval", &s.checkpoint_interval);
  fields.Number("resident_experts", &s.resident_experts);
  fields.Number("place_iterations", &s.place_iterations);
  fields.Text("gate_weights", &s.gate_weights);
  const std::vector<std::string> problems = fields.Problems();
  if (!problems.empty()) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("wrong settings: ", absl::StrJoin(problems, "; ")), where, "see docs/demo.md");
  }
  return s;
}

}  // namespace grouter
