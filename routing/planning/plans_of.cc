#include "routing/planning/plans_of.h"

#include <utility>
#include <vector>

#include "io/error.h"

namespace grouter {

PlansUnderTest PlansOf(const BatchPlanner& planner) {
  PlansUnderTest plans;
  plans.step_part = [&planner](uint64_t step, uint32_t rank) { return planner.PlanStep(step, rank); };
  plans.micro_batch = [&planner](uint64_t step, uint32_t rank, uint32_t micro_batch) {
    return planner.PlanMicroBatch(step, rank, micro_batch);
  };
  plans.sample_list = [&planner](uint64_t step) -> absl::StatusOr<std::vector<SampleRef>> {
    GROUTER_ASSIGN_OR_RETURN(StepAssignment assignment, planner.Assign(step));
    return std::move(assignment.samples);
  };
  return plans;
}

}  // namespace grouter
