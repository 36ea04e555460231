// state.json of a checkpoint.
#ifndef GROUTER_TRAINER_CHECKPOINT_TRAINING_STATE_H_
#define GROUTER_TRAINER_CHECKPOINT_TRAINING_STATE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// Where a run stands. All randomness of training is a function of `seed` and the step, so the seed is the
// whole random state; the learning rate is a function of the step, so the step is the scheduler's.
struct TrainingState {
  std::string job_digest;  // hex, of the plans the run follows
  uint64_t next_step = 0;
  uint64_t consumed_samples = 0;
  uint64_t consumed_tokens = 0;
  uint64_t num_updates = 0;  // AdamW's t
  uint64_t num_steps = 0;    // of the schedule of the learning rate
  uint64_t seed = 0;

  std::string ToJson() const;
  static absl::StatusOr<TrainingState> FromJson(absl::string_view json, absl::string_view where);
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_CHECKPOINT_TRAINING_STATE_H_
