// Whether a job fits its tables and its placement schedule: everything that can be said before the first
// step.
#ifndef GROUTER_ROUTING_PLANNING_JOB_CHECK_H_
#define GROUTER_ROUTING_PLANNING_JOB_CHECK_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"

namespace grouter {

// All of them list every problem at once, a fix each. `tables` are in the order of draft.tables.
//
// FAILED_PRECONDITION: another table or sample index than the draft names, no such split or an empty one, a
// packed or non-causal table, missing routes, unverified tokens, no stored weights, tables of a blend that
// differ in shape, a layer group past the table's, fewer slots than experts, slots that a rank's memory does
// not hold. INVALID_ARGUMENT when the draft's own values are wrong too.
// UNIMPLEMENTED: a planner version that this library does not have.
absl::Status CheckTables(const JobDraft& draft,
                         const std::vector<std::shared_ptr<const RoutingTable>>& tables);

// INVALID_ARGUMENT: a schedule for another draft, or another schedule than the spec names.
// FAILED_PRECONDITION: experts, ranks, slots or memory that do not fit. REQUIRES: CheckTables is OK.
absl::Status CheckSchedule(const JobSpec& spec, const RoutingTable& table, const PlacementSchedule& schedule);

// INVALID_ARGUMENT unless `next` continues `previous` so that every sample is consumed once: the same tables,
// splits, weights, seed and batch composition, and the previous job's digest.
absl::Status CheckContinues(const JobSpec& previous, const JobDraft& next);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_JOB_CHECK_H_
