// Checkpoints: a folder that holds everything a run needs to go on, and that others can read as a model.
//
//   step_N/model.safetensors      weights, Hugging Face names (Qwen3-MoE)
//          optimizer.safetensors  "mean." and "variance." + the same names
//          config.json            the model's shape
//          state.json             TrainingState
#ifndef GROUTER_TRAINER_CHECKPOINT_CHECKPOINT_H_
#define GROUTER_TRAINER_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file.h"
#include "routing/planning/placement.h"
#include "trainer/checkpoint/training_state.h"
#include "trainer/collectives/collectives.h"
#include "trainer/experts/expert_store.h"
#include "trainer/model/parameters.h"

namespace grouter {

// Everything that has values, as one rank holds it.
struct TrainedModel {
  const ModelConfig* config = nullptr;
  DenseParameters* dense = nullptr;
  ExpertStore* experts = nullptr;
  std::vector<const LayerPlacement*> placement_of_layer;  // [layers]
  uint32_t ep_rank = 0;
};

// All ranks call; world rank 0 writes, one expert in memory at a time. The folder FOLDER/step_N appears whole
// or not at all. An error of rank 0 (a full disk) is every rank's: RESOURCE_EXHAUSTED or what it was.
absl::StatusOr<std::string> SaveCheckpoint(const std::string& folder, const TrainedModel& model,
                                           const TrainingState& state, Collectives& world,
                                           FileSystem& files = FileSystem::Local());

// Reads a checkpoint into this rank's parameters and experts; any world may read what any other wrote.
// Returns its state. INVALID_ARGUMENT or NOT_FOUND names the tensor when it is of another model.
absl::StatusOr<TrainingState> LoadCheckpoint(const std::string& checkpoint, const TrainedModel& model,
                                             FileSystem& files = FileSystem::Local());

// FOLDER/step_N with the highest N; NOT_FOUND when there is none.
absl::StatusOr<std::string> LatestCheckpoint(const std::string& folder,
                                             FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_TRAINER_CHECKPOINT_CHECKPOINT_H_
