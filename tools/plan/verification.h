// What `grouter plan verify` does once it has its plans.
#ifndef GROUTER_TOOLS_PLAN_VERIFICATION_H_
#define GROUTER_TOOLS_PLAN_VERIFICATION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/verify_plans.h"
#include "tools/command/terminal.h"
#include "tools/plan/step_range.h"

namespace grouter {

// Verifies `plans` for the job of `planner`, whose `tables` are in the job's order, and prints what was
// found. 0: everything holds; 1: a finding. An error is of a source of plans or a table.
absl::StatusOr<int> VerifyAndTell(const BatchPlanner& planner,
                                  const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                  PlansUnderTest plans, const StepRange& range, uint64_t max_findings,
                                  Terminal& terminal);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_VERIFICATION_H_
