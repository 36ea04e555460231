// How many rows the ranks of a job send each other, and would without a plan.
#ifndef GROUTER_TOOLS_PLAN_TRAFFIC_H_
#define GROUTER_TOOLS_PLAN_TRAFFIC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/batch_planner.h"

namespace grouter {

// Rows from one world rank to another, [from][to], dispatch of every MoE layer.
using TrafficMatrix = std::vector<std::vector<uint64_t>>;

// Sums over `num_steps` steps spread evenly over the job (all of them when it has no more).
absl::StatusOr<TrafficMatrix> TrafficOf(
    const BatchPlanner& planner, uint64_t num_steps,
    const std::function<void(uint64_t done, uint64_t total)>& progress = {});

// Rows that leave their rank.
uint64_t RemoteRows(const TrafficMatrix& traffic);

// A planner of the same job without its choices: experts on ranks in order, samples dealt in order, no
// replicas, everything resident, no limit of memory, since its plans are only looked at. Errors as
// BatchPlanner::Create.
absl::StatusOr<std::unique_ptr<const BatchPlanner>> MakeInOrderPlanner(
    JobDraft draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_TRAFFIC_H_
