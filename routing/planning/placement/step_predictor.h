// What the cost model says about steps of a job under a placement that may still change.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_STEP_PREDICTOR_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_STEP_PREDICTOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/batch/cost_model.h"
#include "routing/planning/batch/job_samples.h"
#include "routing/planning/batch/sample_assignment.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Immutable; thread-safe.
class StepPredictor {
 public:
  // `draft` outlives it. REQUIRES: CheckTables(draft, tables) is OK.
  StepPredictor(const JobDraft& draft, std::vector<std::shared_ptr<const RoutingTable>> tables);

  const JobSamples& samples() const { return samples_; }
  // Of one step, all its micro-batches. DATA_LOSS for a damaged table. REQUIRES: step <
  // samples().num_steps().
  absl::StatusOr<MoeCost> Cost(uint64_t step, const Placement& placement) const;
  // Nanoseconds of the mean of `steps`. DATA_LOSS for a damaged table. REQUIRES: steps is not empty; each is
  // below samples().num_steps().
  absl::StatusOr<uint64_t> MeanStepNs(const std::vector<uint64_t>& steps, const Placement& placement) const;

 private:
  absl::StatusOr<MoeCost> Cost(uint64_t step, const TrafficModel& model) const;

  const JobDraft& draft_;
  const WorldShape world_;
  const JobSamples samples_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_STEP_PREDICTOR_H_
