// A planner's plans, for `VerifyPlans`: apart from the checker, which shares no code with the planner.
#ifndef GROUTER_ROUTING_PLANNING_PLANS_OF_H_
#define GROUTER_ROUTING_PLANNING_PLANS_OF_H_

#include "routing/planning/batch_planner.h"
#include "routing/planning/verify_plans.h"

namespace grouter {

// `planner` outlives the result.
PlansUnderTest PlansOf(const BatchPlanner& planner);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLANS_OF_H_
