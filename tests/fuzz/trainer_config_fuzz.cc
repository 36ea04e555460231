// What a trainer reads from people and from checkpoints: its configuration, a model's shape, a run's state.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "io/error.h"
#include "trainer/checkpoint/training_state.h"
#include "trainer/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view json(reinterpret_cast<const char*>(data), size);
  const auto config = grouter::TrainerConfig::FromJson(json, "fuzz");
  if (config.ok()) config->Validate().IgnoreError();
  const auto model = grouter::ModelConfig::FromJson(json, "fuzz");
  if (model.ok()) GROUTER_CHECK(grouter::ModelConfig::FromJson(model->ToJson(), "again").ok());
  const auto state = grouter::TrainingState::FromJson(json, "fuzz");
  if (state.ok()) GROUTER_CHECK(grouter::TrainingState::FromJson(state->ToJson(), "again").ok());
  return 0;
}
