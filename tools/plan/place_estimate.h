// What `grouter place` will take, said before it starts.
#ifndef GROUTER_TOOLS_PLAN_PLACE_ESTIMATE_H_
#define GROUTER_TOOLS_PLAN_PLACE_ESTIMATE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/plan/make_schedule.h"

namespace grouter {

struct PlaceEstimate {
  double seconds = 0;           // of the search on this machine
  uint64_t memory_bytes = 0;    // of the search's own tables
  uint64_t read_bytes = 0;      // of routing tables: statistics, and the routes of the steps that are judged
  uint64_t schedule_bytes = 0;  // of the schedule, with as many epochs as asked for
  uint64_t move_bytes = 0;      // that may travel between ranks over the whole run
};

// Runs the same search twice with small budgets and goes on in a straight line: its time is a fixed part and
// a part that grows with the iterations. `clock` is asked around each. Errors are the search's.
absl::StatusOr<PlaceEstimate> EstimatePlacement(
    const JobDraft& draft, const Tables& tables, const ScheduleRequest& request, Terminal& terminal,
    const std::function<std::chrono::steady_clock::time_point()>& clock = std::chrono::steady_clock::now);

std::string EstimateText(const PlaceEstimate& estimate);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_PLACE_ESTIMATE_H_
