#include "trainer/pipeline/step_events.h"

#include "absl/strings/str_cat.h"

namespace grouter {

absl::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kPlan:
      return "plan";
    case EventKind::kLayout:
      return "layout";
    case EventKind::kFetch:
      return "fetch";
    case EventKind::kWriteBack:
      return "write_back";
    case EventKind::kDispatch:
      return "dispatch";
    case EventKind::kCompute:
      return "compute";
    case EventKind::kCombine:
      return "combine";
    case EventKind::kAttention:
      return "attention";
    case EventKind::kOutput:
      return "output";
    case EventKind::kAllReduce:
      return "allreduce";
    case EventKind::kOptimizer:
      return "optimizer";
    case EventKind::kMigrate:
      return "migrate";
    case EventKind::kStep:
      return "step";
  }
  return "step";
}

StepEventLog::StepEventLog(uint64_t num_recorded_steps)
    : num_recorded_steps_(num_recorded_steps), start_(std::chrono::steady_clock::now()) {}

uint64_t StepEventLog::NowUs() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start_)
      .count();
}

StepEventLog::Handle StepEventLog::Begin(EventKind kind, const EventPlace& place) {
  if (place.step >= num_recorded_steps_) return kNone;
  StepEvent event;
  event.step = place.step;
  event.micro_batch = place.micro_batch;
  event.layer = place.layer;
  event.chunk = place.chunk;
  event.backward = place.backward;
  event.kind = kind;
  event.begin_us = NowUs();
  MutexLock lock(&mutex_);
  event.begin_order = next_order_++;
  events_.push_back(event);
  return events_.size() - 1;
}

void StepEventLog::End(Handle handle) {
  if (handle == kNone) return;
  const uint64_t now = NowUs();
  MutexLock lock(&mutex_);
  events_[handle].end_us = now;
  events_[handle].end_order = next_order_++;
}

std::vector<StepEvent> StepEventLog::events() const {
  MutexLock lock(&mutex_);
  return events_;
}

std::string StepEventLog::ToJson(uint32_t rank) const {
  std::string json = "[";
  bool first = true;
  for (const StepEvent& event : events()) {
    if (event.end_order == 0) continue;
    absl::StrAppend(&json, first ? "\n" : ",\n", "{\"step\":", event.step, ",\"rank\":", rank,
                    ",\"micro_batch\":", event.micro_batch, ",\"layer\":", event.layer,
                    ",\"chunk\":", event.chunk, ",\"kind\":\"", EventKindName(event.kind),
                    "\",\"backward\":", event.backward ? "true" : "false", ",\"begin_us\":", event.begin_us,
                    ",\"end_us\":", event.end_us, "}");
    first = false;
  }
  absl::StrAppend(&json, "\n]\n");
  return json;
}

}  // namespace grouter
