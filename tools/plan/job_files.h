// Reads the files a job is made of.
#ifndef GROUTER_TOOLS_PLAN_JOB_FILES_H_
#define GROUTER_TOOLS_PLAN_JOB_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"

namespace grouter {

absl::StatusOr<JobDraft> ReadJobDraft(const std::string& path);
absl::StatusOr<JobSpec> ReadJobSpec(const std::string& path);
absl::StatusOr<std::shared_ptr<const PlacementSchedule>> ReadSchedule(const std::string& path);

// The draft's tables among `paths`, in the draft's order. NOT_FOUND names a digest that none of them has.
absl::StatusOr<std::vector<std::shared_ptr<const RoutingTable>>> OpenTables(
    const JobDraft& draft, const std::vector<std::string>& paths);

// A planner of the job, with its tables and its schedule at hand.
absl::StatusOr<std::shared_ptr<const BatchPlanner>> OpenPlanner(const std::string& job,
                                                                const std::vector<std::string>& tables,
                                                                const std::string& schedule);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_JOB_FILES_H_
