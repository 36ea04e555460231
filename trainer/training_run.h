// A whole training run of one rank: what `grouter_trainer` and `grouter teacher` call.
//
//   auto world = std::move(MakeInProcessCollectives(1)[0]);
//   auto summary = grouter::RunTraining(config, *world, /*make_plan_source=*/nullptr, {});
//   if (!summary.ok()) { std::cerr << summary.status() << "\n"; return ExitCode(summary.status()); }
#ifndef GROUTER_TRAINER_TRAINING_RUN_H_
#define GROUTER_TRAINER_TRAINING_RUN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/plan_source.h"
#include "trainer/collectives/collectives.h"
#include "trainer/config.h"
#include "trainer/device/device.h"
#include "trainer/pipeline/step_events.h"

namespace grouter {

// Makes the source of one job's plans for one world rank. `plans` names the job and where plans come from.
using MakePlanSource =
    std::function<absl::StatusOr<std::unique_ptr<PlanSource>>(const PlansConfig& plans, uint32_t rank)>;

// One validation over the held-out samples.
struct ValidationPoint {
  uint64_t step = 0;      // updates done before it
  uint64_t tokens = 0;    // trained on before it
  double valid_loss = 0;  // nats per loss token
  // Learned routers: share of the held-out tokens whose set of experts is what it was at the validation
  // before, per layer; empty at the first. A settled routing is near 1.
  std::vector<double> route_exact_match;
};

struct StepPoint {
  uint64_t step = 0;
  double train_loss = 0;  // nats per loss token of the step, all ranks
  double gradient_norm = 0;
};

struct TrainingSummary {
  uint64_t num_steps = 0;   // of the whole run
  uint64_t steps_done = 0;  // by this call
  uint64_t tokens = 0;      // all ranks, by this call
  double seconds = 0;       // of the steps alone
  double tokens_per_second = 0;
  uint64_t skipped_updates = 0;  // gradients that were not finite
  uint64_t waited_us = 0;        // for plans
  std::vector<StepPoint> steps;
  std::vector<ValidationPoint> validations;
  std::string last_checkpoint;  // "": none was written
};

// What tests and tools may watch. All optional.
struct TrainingHooks {
  StepEventLog* log = nullptr;  // instead of the run's own
  Device* device = nullptr;     // instead of this machine's processors; `world` takes its memory
  // After each step (rank 0 only): done of total, and the step's loss.
  std::function<void(uint64_t done, uint64_t total, double train_loss)> progress;
};

// Trains as `config` says on this rank of `world`; every rank calls with the same configuration. Rank 0
// writes metrics.jsonl, checkpoints/ and timeline.json under config.out, the others timeline.rankN.json.
// `make_plan_source` may be null when no job is named. Errors: those of the configuration and its files, of
// the plan source, of collectives (another rank is gone) and of writing; nothing half-written is left.
absl::StatusOr<TrainingSummary> RunTraining(const TrainerConfig& config, Collectives& world,
                                            const MakePlanSource& make_plan_source,
                                            const TrainingHooks& hooks);

}  // namespace grouter

#endif  // GROUTER_TRAINER_TRAINING_RUN_H_
