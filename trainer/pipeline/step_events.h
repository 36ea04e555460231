// What happened in a step, in which order: the proof of overlap in tests and the timeline people look at.
#ifndef GROUTER_TRAINER_PIPELINE_STEP_EVENTS_H_
#define GROUTER_TRAINER_PIPELINE_STEP_EVENTS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "io/mutex.h"

namespace grouter {

enum class EventKind : uint8_t {
  kPlan,       // waiting for a plan, ahead of its step
  kLayout,     // tokens read, rows laid out, ahead of the step
  kFetch,      // an expert comes into a resident slot
  kWriteBack,  // an expert leaves its slot for the backing
  kDispatch,   // from the start of the exchange until its rows are there
  kCompute,    // experts' arithmetic of one chunk
  kCombine,    // as kDispatch, back
  kAttention,
  kOutput,  // final norm, logits, loss
  kAllReduce,
  kOptimizer,
  kMigrate,
  kStep,
};
absl::string_view EventKindName(EventKind kind);

// `begin_order` and `end_order` number all begins and ends of one log as they happened, so order needs no
// clock. Times are microseconds since the log was made. -1: has no layer (chunk).
struct StepEvent {
  uint64_t step = 0;
  uint32_t micro_batch = 0;
  int32_t layer = -1;
  int32_t chunk = -1;
  EventKind kind = EventKind::kStep;
  bool backward = false;
  uint64_t begin_order = 0;
  uint64_t end_order = 0;  // 0: still open
  uint64_t begin_us = 0;
  uint64_t end_us = 0;
};

// Where an event belongs.
struct EventPlace {
  uint64_t step = 0;
  uint32_t micro_batch = 0;
  int32_t layer = -1;
  int32_t chunk = -1;
  bool backward = false;
};

// Thread-safe. Records only steps below its limit, so that a long run's log stays small.
class StepEventLog {
 public:
  explicit StepEventLog(uint64_t num_recorded_steps = UINT64_MAX);

  using Handle = size_t;
  static constexpr Handle kNone = SIZE_MAX;
  Handle Begin(EventKind kind, const EventPlace& place);
  void End(Handle handle);

  std::vector<StepEvent> events() const;
  // {"step","rank","micro_batch","layer","chunk","kind","backward","begin_us","end_us"} each; open events are
  // left out.
  std::string ToJson(uint32_t rank) const;

 private:
  uint64_t NowUs() const;
  const uint64_t num_recorded_steps_;
  const std::chrono::steady_clock::time_point start_;
  mutable Mutex mutex_;
  uint64_t next_order_ ABSL_GUARDED_BY(mutex_) = 1;
  std::vector<StepEvent> events_ ABSL_GUARDED_BY(mutex_);
};

// Records one event from construction to destruction; a null log records nothing.
class ScopedEvent {
 public:
  ScopedEvent(StepEventLog* log, EventKind kind, const EventPlace& place)
      : log_(log), handle_(log == nullptr ? StepEventLog::kNone : log->Begin(kind, place)) {}
  ~ScopedEvent() {
    if (log_ != nullptr) log_->End(handle_);
  }
  ScopedEvent(const ScopedEvent&) = delete;
  ScopedEvent& operator=(const ScopedEvent&) = delete;

 private:
  StepEventLog* const log_;
  const StepEventLog::Handle handle_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_STEP_EVENTS_H_
