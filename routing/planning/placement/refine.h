// A placement made better for some steps of a run by a few swaps, judged by the cost model itself.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_REFINE_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_REFINE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/ep_group.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/placement/step_predictor.h"

namespace grouter {

// [layer groups][experts] token selections.
using GroupLoads = std::vector<std::vector<uint64_t>>;

// Token selections above `load_cap` x the mean of all ranks, summed over ranks and layer groups; a replicated
// expert's load is shared equally by its copies. 0: the cap is held.
uint64_t LoadAboveCap(const Placement& placement, const GroupLoads& loads, double load_cap);

struct RefineOptions {
  uint64_t iterations = 100;  // swaps tried; each predicts the steps once
  uint64_t move_bytes = 0;    // that the result may differ from `base`
  double load_cap = 1.25;     // busiest rank / mean of `loads`
  uint64_t seed = 0;
  std::vector<uint64_t> steps;  // judged by
};

// Swaps the experts of two slots on two ranks, half of the tries from the busiest rank, keeping a swap that
// lowers first LoadAboveCap, then the predicted time. So the result is never worse in (load above the cap,
// time) than `base`, has its slots, and moves at most move_bytes (`base` itself when that is 0). More
// iterations are never worse. Deterministic.
absl::StatusOr<Placement> RefinePlacement(const JobDraft& draft, const StepPredictor& predictor,
                                          const EpGroup& group, const Placement& base,
                                          const GroupLoads& loads, const RefineOptions& options);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_REFINE_H_
