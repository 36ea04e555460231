// Several placements for one run: where to change from one to the next, because every load is known before.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_SCHEDULE_EPOCHS_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_SCHEDULE_EPOCHS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct EpochOptions {
  uint32_t max_epochs = 1;    // placement epochs, at most
  uint32_t num_segments = 0;  // stretches of the run at whose borders an epoch may begin; 0: 2 x max_epochs
  uint64_t move_bytes = 0;    // that may travel when an epoch begins, in one EP group; 0: nothing moves
  uint64_t iterations = 100;  // swaps tried per segment
  uint32_t judged_steps = 2;  // of a segment, to refine by and as many others to compare by
  double load_cap = 1.25;     // of a segment; where the first placement exceeds it, it is not exceeded more
};

struct EpochSchedule {
  PlacementSchedule schedule;
  // By the objective, both judged by the same steps: the run's steps and the moves between them.
  uint64_t predicted_run_ns = 0;
  uint64_t one_epoch_run_ns = 0;
};

// `one` is the schedule of one epoch that `grouter place` makes. The run is cut into segments; for each the
// placement is refined within move_bytes, and dynamic programming over segments picks who is in force when:
// the best path among those placements under the objective, with every begin within move_bytes. Staying with
// `one` is a path, so the result is never worse. Deterministic. `progress` is told (done, total) predictions.
// Errors are the tables'. REQUIRES: CheckTables(draft, tables) is OK; one.draft == draft.digest().
absl::StatusOr<EpochSchedule> ScheduleEpochs(
    const JobDraft& draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables,
    const PlacementSchedule& one, const EpochOptions& options,
    const std::function<void(uint64_t done, uint64_t total)>& progress = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_SCHEDULE_EPOCHS_H_
