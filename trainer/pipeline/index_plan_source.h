// Plans without routes, straight from a sample index: what a learned router trains on before any routing
// table exists (the teacher).
#ifndef GROUTER_TRAINER_PIPELINE_INDEX_PLAN_SOURCE_H_
#define GROUTER_TRAINER_PIPELINE_INDEX_PLAN_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/plan_source.h"
#include "data/sample_index.h"

namespace grouter {

struct IndexPlanOptions {
  std::string split = "train";
  uint32_t samples_per_step = 0;  // of the whole world
  uint32_t num_micro_batches = 1;
  uint64_t num_steps = 0;  // 0: as many as one epoch of the split needs
  bool shuffle = true;     // false: samples in index order
  uint64_t seed = 0;
  uint32_t rank = 0;
  uint32_t world_size = 1;
};

// Every sample of the split once per epoch, epochs in a seeded order of their own, dealt to ranks in order;
// the last step of a one-epoch job may be smaller. Thread-safe; never blocks; micro-batch plans have no layer
// groups. INVALID_ARGUMENT for an unknown or empty split or zero samples per step.
absl::StatusOr<std::unique_ptr<PlanSource>> MakeIndexPlanSource(std::shared_ptr<const SampleIndex> index,
                                                                const IndexPlanOptions& options);

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_INDEX_PLAN_SOURCE_H_
