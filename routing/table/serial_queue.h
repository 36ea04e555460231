// A thread that runs closures one after another: a stage of a pipeline.
#ifndef GROUTER_ROUTING_TABLE_SERIAL_QUEUE_H_
#define GROUTER_ROUTING_TABLE_SERIAL_QUEUE_H_

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "io/mutex.h"

namespace grouter {

// Thread-safe. The destructor runs what is queued, then joins; do not post while it runs.
class SerialQueue {
 public:
  SerialQueue();
  ~SerialQueue();
  SerialQueue(const SerialQueue&) = delete;
  SerialQueue& operator=(const SerialQueue&) = delete;

  void Post(std::function<void()> task);
  // Returns when everything posted before has run.
  void Drain();

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_SERIAL_QUEUE_H_
