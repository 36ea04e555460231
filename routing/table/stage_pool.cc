#include "routing/table/stage_pool.h"

#include <utility>

#include "io/error.h"

namespace grouter {

StagePool::StagePool(uint32_t num_stages, uint32_t num_threads) : running_(num_stages) {
  GROUTER_CHECK(num_stages > 0 && num_threads > 0);
  for (uint32_t i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Run(); });
}

StagePool::~StagePool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void StagePool::Post(uint32_t stage, std::function<void()> task) {
  MutexLock lock(&mutex_);
  GROUTER_CHECK(stage < running_.size());
  tasks_.push_back({stage, std::move(task)});
  changed_.SignalAll();
}

bool StagePool::Take(Task* task) {
  for (auto it = tasks_.begin(); it != tasks_.end(); ++it) {
    if (running_[it->stage]) continue;
    *task = std::move(*it);
    tasks_.erase(it);
    running_[task->stage] = true;
    ++num_running_;
    return true;
  }
  return false;
}

void StagePool::RunTaken(Task* task) {
  mutex_.Unlock();
  task->work();
  task->work = nullptr;
  mutex_.Lock();
  running_[task->stage] = false;
  --num_running_;
  changed_.SignalAll();
}

bool StagePool::RunOne() {
  MutexLock lock(&mutex_);
  Task task;
  if (!Take(&task)) return false;
  RunTaken(&task);
  return true;
}

void StagePool::Drain() {
  MutexLock lock(&mutex_);
  while (num_running_ > 0 || !tasks_.empty()) {
    Task task;
    if (Take(&task)) {
      RunTaken(&task);
    } else {
      changed_.Wait(&mutex_);
    }
  }
}

void StagePool::Run() {
  MutexLock lock(&mutex_);
  while (true) {
    Task task;
    if (Take(&task)) {
      RunTaken(&task);
    } else if (stopping_ && tasks_.empty()) {
      return;
    } else {
      changed_.Wait(&mutex_);
    }
  }
}

}  // namespace grouter
