// Plans from an embedded planner: no server, the tables at hand. Also the oracle of the conformance suite.
#ifndef GROUTER_CLIENT_LOCAL_PLAN_SOURCE_H_
#define GROUTER_CLIENT_LOCAL_PLAN_SOURCE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/plan_source.h"
#include "routing/planning/batch_planner.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Errors of BatchPlanner::Create; OUT_OF_RANGE for a rank the topology does not have.
absl::StatusOr<std::unique_ptr<PlanSource>> MakeLocalPlanSource(
    JobSpec spec, std::vector<std::shared_ptr<const RoutingTable>> tables,
    std::shared_ptr<const PlacementSchedule> schedule, uint32_t rank);

// Shares a planner that exists.
absl::StatusOr<std::unique_ptr<PlanSource>> MakeLocalPlanSource(std::shared_ptr<const BatchPlanner> planner,
                                                                uint32_t rank);

}  // namespace grouter

#endif  // GROUTER_CLIENT_LOCAL_PLAN_SOURCE_H_
