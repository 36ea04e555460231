// What `grouter place` searches: a placement schedule from nothing or from an older one, of one epoch or
// more.
#ifndef GROUTER_TOOLS_PLAN_MAKE_SCHEDULE_H_
#define GROUTER_TOOLS_PLAN_MAKE_SCHEDULE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "routing/planning/placement/place_experts.h"
#include "routing/planning/placement/replan.h"
#include "routing/planning/placement/schedule_epochs.h"
#include "tools/command/terminal.h"

namespace grouter {

struct ScheduleRequest {
  PlaceOptions place;
  std::string from;                 // older schedule whose experts stay where they can; empty: from nothing
  std::string from_job;             // its job; empty: ranks survive by number
  uint64_t from_step = UINT64_MAX;  // of the older job: which of its placements; its last
  uint32_t max_epochs = 1;
  uint64_t move_bytes = 0;           // per begin of an epoch; with `from` besides what must move
  uint64_t refine_iterations = 100;  // swaps judged by the cost model, per segment
};

struct MadeSchedule {
  PlacementSchedule schedule;
  absl::optional<ReplannedSchedule> replanned;  // with `from`
  absl::optional<EpochSchedule> epochs;         // with max_epochs > 1
};

using Tables = std::vector<std::shared_ptr<const RoutingTable>>;

// INVALID_ARGUMENT for epochs without bytes to move.
absl::StatusOr<MadeSchedule> MakeSchedule(const JobDraft& draft, const Tables& tables,
                                          const ScheduleRequest& request, Terminal& terminal);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_MAKE_SCHEDULE_H_
