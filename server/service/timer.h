// Runs functions later, by the steady clock. gRPC's own alarms wait by the wall clock: one that is set back
// an hour holds them for an hour.
#ifndef GROUTER_SERVER_SERVICE_TIMER_H_
#define GROUTER_SERVER_SERVICE_TIMER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "io/mutex.h"

namespace grouter {

// Thread-safe. One thread of its own, started with the first Set.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;
  using Id = uint64_t;

  // What has not run by then never runs.
  ~Timer();
  // `run` is called once, on the timer's thread: at `when`, or soon after Hurry. It must not block.
  Id Set(Clock::time_point when, std::function<void()> run);
  // The function is run now. Nothing happens when it has begun already.
  void Hurry(Id id);

 private:
  struct Entry {
    Id id;
    std::function<void()> run;
  };
  void Work();

  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Id next_ ABSL_GUARDED_BY(mutex_) = 1;
  std::multimap<Clock::time_point, Entry> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<Id, std::multimap<Clock::time_point, Entry>::iterator> by_id_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_TIMER_H_
