// A placement for a changed world that keeps what it can where it lies.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_REPLAN_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_REPLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/placement/refine.h"
#include "routing/table/routing_table.h"

namespace grouter {

inline constexpr uint32_t kNoRank = UINT32_MAX;

// [new group rank] -> the old group rank whose experts it still has, or kNoRank: the rank of the same index
// on the node of the same name, in the first EP group of both.
std::vector<uint32_t> SurvivingRanks(const JobDraft& old_draft, const JobDraft& new_draft);

struct KeptPlacement {
  Placement placement;
  uint64_t num_moves = 0;  // slots that hold an expert which their rank did not have
  uint64_t moved_bytes = 0;
};

// The placement of `draft`'s ranks that moves the fewest experts: every surviving rank keeps what its slots
// have room for (of experts that lie elsewhere too it lets go first, then of the lightest), and an expert
// that no rank has any more goes to the emptiest rank with room, the heaviest first. Spare slots take further
// copies of hot experts only as far as `move_bytes` goes. Without replicas the moves are exactly num_experts
// - sum over ranks of min(experts it had, slots it has), per layer group: no placement moves fewer.
// `surviving` is SurvivingRanks's. INVALID_ARGUMENT for an old placement of other experts or layer groups,
// FAILED_PRECONDITION when the slots do not suffice.
absl::StatusOr<KeptPlacement> KeepPlacement(const JobDraft& draft, const Placement& old,
                                            const std::vector<uint32_t>& surviving, const GroupLoads& loads,
                                            uint64_t move_bytes);

// Token selections of the run: the tables' statistics, in the proportions in which the job blends them.
absl::StatusOr<GroupLoads> RunLoads(const JobDraft& draft,
                                    const std::vector<std::shared_ptr<const RoutingTable>>& tables);

struct ReplanOptions {
  uint64_t move_bytes = 0;    // that may travel besides what must
  uint64_t iterations = 100;  // swaps tried within move_bytes
  double load_cap = 1.25;     // busiest rank / mean that those swaps aim at
};

struct ReplannedSchedule {
  PlacementSchedule schedule;  // of one epoch
  uint64_t num_surviving = 0;  // ranks
  uint64_t num_moves = 0;      // slots that hold an expert which their rank did not have
  uint64_t moved_bytes = 0;
};

// The schedule of a job that goes on with the placement `old` on other ranks: KeepPlacement, then swaps
// within move_bytes that lower the load above the cap and the predicted time. Deterministic.
// INVALID_ARGUMENT, FAILED_PRECONDITION as PlaceExperts and KeepPlacement.
absl::StatusOr<ReplannedSchedule> ReplanSchedule(
    const JobDraft& draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables,
    const Placement& old, const std::vector<uint32_t>& surviving, const ReplanOptions& options);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_REPLAN_H_
