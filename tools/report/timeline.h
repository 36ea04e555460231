// What the ranks of a run did when: timeline.json.
#ifndef GROUTER_TOOLS_REPORT_TIMELINE_H_
#define GROUTER_TOOLS_REPORT_TIMELINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// Microseconds on a clock that the ranks of one machine share.
struct TimelineEvent {
  uint64_t step = 0;
  uint32_t rank = 0;
  uint32_t micro_batch = 0;
  int64_t layer = -1;  // -1: none
  int64_t chunk = -1;
  std::string kind;  // plan, layout, fetch, dispatch, compute, combine, attention, optimizer, ...
  double begin_us = 0;
  double end_us = 0;
};

absl::StatusOr<std::vector<TimelineEvent>> ParseTimeline(absl::string_view json, absl::string_view where);

// The stretch of time that shows one step of a settled run.
struct TimelineWindow {
  uint64_t step = 0;
  double length_us = 0;
  std::vector<TimelineEvent> events;  // all that overlap the stretch, times from its begin, cut to it
};

// Of the steps that all ranks recorded, the one nearest the middle beside which a plan was fetched, or else
// the middle one. Its stretch begins with its first event that is not done ahead and ends with its last;
// events of kind "step" (the whole of it) are left out. Empty when the ranks have no step in common.
TimelineWindow MiddleStep(const std::vector<TimelineEvent>& events);

// Of the time some chunk was under way in dispatch or combine on `rank`, the share in which the same rank was
// also computing (experts, attention). 0 when nothing was under way.
double OverlappedShare(const std::vector<TimelineEvent>& events, uint32_t rank);

}  // namespace grouter

#endif  // GROUTER_TOOLS_REPORT_TIMELINE_H_
