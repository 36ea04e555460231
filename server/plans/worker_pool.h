// A fixed number of threads that run tasks in order of arrival. Thread-safe.
#ifndef GROUTER_SERVER_PLANS_WORKER_POOL_H_
#define GROUTER_SERVER_PLANS_WORKER_POOL_H_

#include <atomic>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "io/mutex.h"

namespace grouter {

class WorkerPool {
 public:
  // REQUIRES: num_threads > 0.
  explicit WorkerPool(int num_threads);
  // Stops; tasks not begun are dropped.
  ~WorkerPool();

  // False when stopped: the task is dropped.
  bool Run(std::function<void()> task);
  // Waits for the running tasks, drops the others. Idempotent.
  void Stop();
  size_t queued() const;
  // Tasks begun since the start: a heartbeat.
  uint64_t begun() const { return begun_; }

 private:
  void Work();

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> begun_{0};
  std::vector<std::thread> threads_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_PLANS_WORKER_POOL_H_
