// The sizes of the main job: what `./demo` and `./demo --quick` differ in.
#ifndef GROUTER_TOOLS_PIPELINE_SETTINGS_H_
#define GROUTER_TOOLS_PIPELINE_SETTINGS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// Read from JSON (deploy/configs/demo.json is one). The three JSON texts go into trainer configurations as
// they are (docs/trainer.md); the models' vocabulary is filled in.
struct PipelineSettings {
  std::string name;  // for people: "quick demo"
  uint64_t max_bytes_per_domain = 0;
  uint32_t vocab_size = 0;
  uint32_t sequence_length = 0;

  std::string teacher_model_json;
  std::string teacher_optimizer_json;
  uint64_t teacher_steps = 0;
  uint32_t teacher_samples_per_step = 0;
  uint64_t teacher_eval_interval = 0;
  uint64_t teacher_eval_steps = 0;

  uint32_t router_hidden_size = 0;
  uint32_t router_blocks = 0;
  uint32_t router_heads = 0;
  uint32_t router_mlp_size = 0;
  uint64_t distill_tokens = 0;
  uint64_t distill_tokens_per_step = 0;
  double distill_learning_rate = 0;
  uint64_t valid_tokens = 0;
  uint32_t folded_experts = 0;
  uint64_t fold_tokens = 0;
  uint64_t tune_tokens = 0;
  uint64_t tune_tokens_per_step = 0;
  double tune_learning_rate = 0;

  std::string model_json;
  std::string optimizer_json;
  uint32_t ranks = 0;
  uint64_t train_steps = 0;
  uint32_t samples_per_step = 0;
  uint32_t micro_batches = 0;
  uint32_t chunks = 0;
  uint64_t eval_interval = 0;
  uint64_t eval_steps = 0;
  uint64_t checkpoint_interval = 0;
  uint32_t resident_experts = 0;  // of a rank, in the run with the table; 0: all
  uint64_t place_iterations = 0;
  std::string gate_weights;  // "stored" or "live"
};

// All problems at once: INVALID_ARGUMENT for missing, unknown and mistyped fields. `where` names the file.
absl::StatusOr<PipelineSettings> ParseSettings(absl::string_view json, absl::string_view where);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PIPELINE_SETTINGS_H_
