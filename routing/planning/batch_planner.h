// Makes plans. Pure: the same JobSpec, tables and schedule give the same bytes, whatever the thread, the
// instruction set or the history of calls.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_PLANNER_H_
#define GROUTER_ROUTING_PLANNING_BATCH_PLANNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/plan.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct SampleRef {
  uint32_t table = 0;
  uint64_t sample = 0;
};

// Which sample goes where in one step: [world rank][micro-batch] -> samples in order.
struct StepAssignment {
  std::vector<SampleRef> samples;  // of the step, in the job's order
  std::vector<std::vector<std::vector<SampleRef>>> by_rank;
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
      std::shared_ptr<const PlacementSchedule> schedule);
  virtual ~BatchPlanner() = default;

  virtual const JobSpec& spec() const = 0;
  virtual const Digest& job_digest() const = 0;
  virtual const PlacementSchedule& schedule() const = 0;
  virtual uint64_t num_steps() const = 0;

  // OUT_OF_RANGE past the end, naming the last step (or rank, or micro-batch). DATA_LOSS for a damaged table.
  virtual absl::StatusOr<StepAssignment> Assign(uint64_t step) const = 0;
  virtual absl::StatusOr<StepPart> PlanStep(uint64_t step, uint32_t rank) const = 0;
  virtual absl::StatusOr<MicroBatchPlan> PlanMicroBatch(uint64_t step, uint32_t rank,
                                                        uint32_t micro_batch) const = 0;
  // The same for all world ranks at once, sharing the work: element r is rank r's.
  virtual absl::StatusOr<std::vector<MicroBatchPlan>> PlanMicroBatchForAll(uint64_t step,
                                                                           uint32_t micro_batch) const = 0;
};

// Makes the placement schedule of a whole run: the search. Deterministic; `iterations` is its budget.
struct PlaceOptions {
  uint64_t iterations = 200000;
  bool one_grouping_per_layer_group = true;
  double load_cap = 1.25;  // hard: busiest rank / mean over the run
};
absl::StatusOr<PlacementSchedule> PlaceExperts(const JobDraft& draft,
                                               const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                               const PlaceOptions& options);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_PLANNER_H_
