#include "tools/report/timeline.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

using Interval = std::pair<double, double>;

// Work that may run ahead of its step does not say when the step was.
bool RunsAhead(const TimelineEvent& event) {
  return event.kind == "plan" || event.kind == "layout" || event.kind == "fetch";
}

std::vector<Interval> Union(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end());
  std::vector<Interval> merged;
  for (const Interval& next : intervals) {
    if (!merged.empty() && next.first <= merged.back().second) {
      merged.back().second = std::max(merged.back().second, next.second);
    } else {
      merged.push_back(next);
    }
  }
  return merged;
}

double Length(const std::vector<Interval>& intervals) {
  double length = 0;
  for (const Interval& interval : intervals) length += interval.second - interval.first;
  return length;
}

double Common(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  double length = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    length += std::max(0.0, std::min(a[i].second, b[j].second) - std::max(a[i].first, b[j].first));
    if (a[i].second < b[j].second) {
      ++i;
    } else {
      ++j;
    }
  }
  return length;
}

}  // namespace

absl::StatusOr<std::vector<TimelineEvent>> ParseTimeline(absl::string_view json, absl::string_view where) {
  std::vector<TimelineEvent> events;
  try {
    const nlohmann::json list = nlohmann::json::parse(json.begin(), json.end());
    if (!list.is_array()) {
      return Error(absl::StatusCode::kInvalidArgument, "a timeline is a JSON array", where,
                   "give the timeline.json of a training run");
    }
    for (const nlohmann::json& item : list) {
      TimelineEvent event;
      event.step = item.at("step").get<uint64_t>();
      event.rank = item.at("rank").get<uint32_t>();
      event.micro_batch = item.value("micro_batch", 0u);
      event.layer = item.value("layer", int64_t{-1});
      event.chunk = item.value("chunk", int64_t{-1});
      event.kind = item.at("kind").get<std::string>();
      event.begin_us = item.at("begin_us").get<double>();
      event.end_us = item.at("end_us").get<double>();
      if (!(event.begin_us <= event.end_us)) {
        return Error(absl::StatusCode::kInvalidArgument, "an event ends before it begins",
                     absl::StrCat(where, ", event ", events.size()),
                     "give the timeline.json of a training run");
      }
      events.push_back(std::move(event));
    }
  } catch (const nlohmann::json::exception& error) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("not a timeline: ", error.what()), where,
                 "give the timeline.json of a training run");
  }
  return events;
}

namespace {

TimelineWindow WindowOf(uint64_t step, const std::vector<TimelineEvent>& events) {
  TimelineWindow window;
  window.step = step;
  double begin = 0, end = 0;
  bool first = true;
  // The step's own events bound it where the trainer wrote them: validation numbers its steps anew.
  const bool bounded = std::any_of(events.begin(), events.end(), [step](const TimelineEvent& event) {
    return event.step == step && event.kind == "step";
  });
  for (const TimelineEvent& event : events) {
    if (event.step != step || RunsAhead(event) || (bounded && event.kind != "step")) continue;
    begin = first ? event.begin_us : std::min(begin, event.begin_us);
    end = first ? event.end_us : std::max(end, event.end_us);
    first = false;
  }
  window.length_us = end - begin;
  for (TimelineEvent event : events) {
    if (event.kind == "step" || event.end_us < begin || event.begin_us > end) continue;
    event.begin_us = std::max(event.begin_us, begin) - begin;
    event.end_us = std::min(event.end_us, end) - begin;
    window.events.push_back(std::move(event));
  }
  return window;
}

bool ShowsAPlan(const TimelineWindow& window) {
  return std::any_of(window.events.begin(), window.events.end(),
                     [](const TimelineEvent& event) { return event.kind == "plan"; });
}

}  // namespace

TimelineWindow MiddleStep(const std::vector<TimelineEvent>& events) {
  std::set<uint32_t> ranks;
  std::map<uint64_t, std::set<uint32_t>> ranks_of_step;
  for (const TimelineEvent& event : events) {
    ranks.insert(event.rank);
    if (!RunsAhead(event)) ranks_of_step[event.step].insert(event.rank);
  }
  std::vector<uint64_t> steps;
  for (const auto& step : ranks_of_step) {
    if (step.second.size() == ranks.size()) steps.push_back(step.first);
  }
  if (steps.empty()) return TimelineWindow();
  const uint64_t middle = steps[steps.size() / 2];
  const auto distance = [middle](uint64_t step) { return step > middle ? step - middle : middle - step; };
  std::stable_sort(steps.begin(), steps.end(),
                   [&](uint64_t a, uint64_t b) { return distance(a) < distance(b); });
  for (const uint64_t step : steps) {
    TimelineWindow window = WindowOf(step, events);
    if (ShowsAPlan(window)) return window;
  }
  return WindowOf(middle, events);
}

double OverlappedShare(const std::vector<TimelineEvent>& events, uint32_t rank) {
  std::vector<Interval> moving, computing;
  for (const TimelineEvent& event : events) {
    if (event.rank != rank) continue;
    const Interval interval(event.begin_us, event.end_us);
    if (event.kind == "dispatch" || event.kind == "combine") moving.push_back(interval);
    if (event.kind == "compute" || event.kind == "attention") computing.push_back(interval);
  }
  moving = Union(std::move(moving));
  const double length = Length(moving);
  return length > 0 ? Common(moving, Union(std::move(computing))) / length : 0;
}

}  // namespace grouter
