// Threads for the stages of a pipeline: a stage's closures run one after another, those of different stages
// side by side, the caller lending a hand where it would wait. With no more threads that compute than cores
// nothing depends on how the kernel moves threads between them.
#ifndef GROUTER_ROUTING_TABLE_STAGE_POOL_H_
#define GROUTER_ROUTING_TABLE_STAGE_POOL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "io/mutex.h"

namespace grouter {

// Thread-safe. The destructor runs what is queued, then joins; do not post while it runs.
class StagePool {
 public:
  // REQUIRES: num_stages > 0, num_threads > 0.
  StagePool(uint32_t num_stages, uint32_t num_threads);
  ~StagePool();
  StagePool(const StagePool&) = delete;
  StagePool& operator=(const StagePool&) = delete;

  // REQUIRES: stage < num_stages.
  void Post(uint32_t stage, std::function<void()> task);
  // Runs the oldest task whose stage is not running on the caller's thread; false when there is none.
  bool RunOne();
  // Returns when everything posted before has run; helps.
  void Drain();

 private:
  struct Task {
    uint32_t stage;
    std::function<void()> work;
  };
  // Takes the oldest task that may run, its stage marked as running.
  bool Take(Task* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs it with the lock released, and frees it.
  void RunTaken(Task* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();

  Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> running_ ABSL_GUARDED_BY(mutex_);  // [stage]
  uint32_t num_running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // last: they start when the rest is there
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_STAGE_POOL_H_
