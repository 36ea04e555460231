// A fixed number of threads that run tasks in order of arrival. Thread-safe.
#ifndef GROUTER_SERVER_PLANS_WORKER_POOL_H_
#define GROUTER_SERVER_PLANS_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "io/mutex.h"
#include "server/stats/heartbeat.h"

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
  // One a thread; a round is a task.
  std::vector<const Heartbeat*> heartbeats() const;

 private:
  void Work(Heartbeat* heartbeat);

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::deque<Heartbeat> heartbeats_;
  std::vector<std::thread> threads_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_PLANS_WORKER_POOL_H_
