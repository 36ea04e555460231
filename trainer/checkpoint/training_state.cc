#include "trainer/checkpoint/training_state.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/json.h"

namespace grouter {

std::string TrainingState::ToJson() const {
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["job_digest"] = job_digest;
  json["next_step"] = next_step;
  json["consumed_samples"] = consumed_samples;
  json["consumed_tokens"] = consumed_tokens;
  json["optimizer"] = {{"num_updates", num_updates}};
  json["scheduler"] = {{"step", next_step}, {"num_steps", num_steps}};
  json["random"] = {{"seed", seed}};
  return json.dump(2) + "\n";
}

absl::StatusOr<TrainingState> TrainingState::FromJson(absl::string_view text, absl::string_view where) {
  const nlohmann::json json = ParseJson(text);
  TrainingState state;
  bool good = json.is_object();
  const auto read = [&good](const nlohmann::json& from, const char* name, uint64_t* value) {
    good = good && from.is_object() && from.contains(name) && from[name].is_number_unsigned();
    if (good) *value = from[name].get<uint64_t>();
  };
  const auto part = [&](const char* name) {
    return good && json.contains(name) ? json[name] : nlohmann::json();
  };
  uint64_t format = 0;
  read(json, "format", &format);
  if (good && format != 1) {
    return Error(absl::StatusCode::kUnimplemented, absl::StrCat("checkpoint state of format ", format), where,
                 "use the version of Grouter that wrote it");
  }
  read(json, "next_step", &state.next_step);
  read(json, "consumed_samples", &state.consumed_samples);
  read(json, "consumed_tokens", &state.consumed_tokens);
  read(part("optimizer"), "num_updates", &state.num_updates);
  read(part("scheduler"), "num_steps", &state.num_steps);
  read(part("random"), "seed", &state.seed);
  good = good && json.contains("job_digest") && json["job_digest"].is_string();
  if (!good) {
    return Error(absl::StatusCode::kInvalidArgument, "this is not the state of a checkpoint", where,
                 "resume from another checkpoint");
  }
  state.job_digest = json["job_digest"].get<std::string>();
  return state;
}

}  // namespace grouter
