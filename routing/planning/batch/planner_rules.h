// Where planner versions part. Their order, layout, counting and assignment are one code; what a version does
// in its own way stands here as a value.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_PLANNER_RULES_H_
#define GROUTER_ROUTING_PLANNING_BATCH_PLANNER_RULES_H_

#include <cstdint>

namespace grouter {

struct PlannerRules {
  // Plans of expert residency that are tried when training writes back (expert_residency.h).
  uint32_t residency_tries = 0;
};

// The rules of a planner version that this library has (HasPlannerVersion, job.h). A version's rules never
// change, since its plans' bytes never do.
//   1  three tries
//   2  six: 0 to 7 % fewer bytes fetched and written on a real routing trace
PlannerRules PlannerRulesOf(uint32_t planner_version);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_PLANNER_RULES_H_
