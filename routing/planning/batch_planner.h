// Makes plans. Pure: the same JobSpec, tables and schedule give the same bytes, whatever the thread, the
// instruction set or the history of calls.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_PLANNER_H_
#define GROUTER_ROUTING_PLANNING_BATCH_PLANNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Which sample goes where in one step: [world rank][micro-batch] -> samples in order.
struct StepAssignment {
  std::vector<SampleRef> samples;  // of the step, in the job's order
  std::vector<std::vector<std::vector<SampleRef>>> by_rank;
};

// What changes how quickly plans are made, never their bytes.
struct BatchPlannerOptions {
  uint32_t num_threads = 1;                  // for one call that makes a micro-batch's shared work
  uint64_t cache_bytes = uint64_t{1} << 28;  // shared work kept for the ranks that ask next
};

// Immutable once made; thread-safe; shares the tables.
class BatchPlanner {
 public:
  // Checks the job against its tables and schedule and lists all problems at once: INVALID_ARGUMENT,
  // FAILED_PRECONDITION (packed or non-causal table, missing routes, unverified tokens, a schedule for
  // another draft, slots or memory that do not suffice), UNIMPLEMENTED (planner_version).
  // `tables` are in the order of spec.draft.tables.
  static absl::StatusOr<std::unique_ptr<const BatchPlanner>> Create(
      JobSpec spec, std::vector<std::shared_ptr<const RoutingTable>> tables,
      std::shared_ptr<const PlacementSchedule> schedule, BatchPlannerOptions options = {});
  virtual ~BatchPlanner() = default;

  virtual const JobSpec& spec() const = 0;
  virtual const Digest& job_digest() const = 0;
  virtual const PlacementSchedule& schedule() const = 0;
  virtual uint64_t num_steps() const = 0;
  // Samples the job has consumed before `step`, those of the jobs it continues included.
  virtual uint64_t FirstSamplePosition(uint64_t step) const = 0;

  // OUT_OF_RANGE past the end, naming the last step (or rank, or micro-batch). DATA_LOSS for a damaged table.
  // RESOURCE_EXHAUSTED for a plan that would not fit into its rank's memory.
  virtual absl::StatusOr<StepAssignment> Assign(uint64_t step) const = 0;
  virtual absl::StatusOr<StepPart> PlanStep(uint64_t step, uint32_t rank) const = 0;
  virtual absl::StatusOr<MicroBatchPlan> PlanMicroBatch(uint64_t step, uint32_t rank,
                                                        uint32_t micro_batch) const = 0;
  // The same for all world ranks at once, sharing the work: element r is rank r's.
  virtual absl::StatusOr<std::vector<MicroBatchPlan>> PlanMicroBatchForAll(uint64_t step,
                                                                           uint32_t micro_batch) const = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_PLANNER_H_
