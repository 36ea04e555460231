// How many rows the ranks of a job send each other.
#ifndef GROUTER_TOOLS_PLAN_TRAFFIC_H_
#define GROUTER_TOOLS_PLAN_TRAFFIC_H_

#include <cstdint>
#include <functional>
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

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_TRAFFIC_H_
