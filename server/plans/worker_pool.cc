#include "server/plans/worker_pool.h"

#include <utility>

#include "io/error.h"

namespace grouter {

WorkerPool::WorkerPool(int num_threads) {
  GROUTER_CHECK(num_threads > 0);
  for (int i = 0; i < num_threads; ++i) {
    heartbeats_.emplace_back();
    threads_.emplace_back([this, heartbeat = &heartbeats_.back()] { Work(heartbeat); });
  }
}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::Run(std::function<void()> task) {
  MutexLock lock(&mutex_);
  if (stopped_) return false;
  tasks_.push_back(std::move(task));
  changed_.Signal();
  return true;
}

void WorkerPool::Stop() {
  std::deque<std::function<void()>> dropped;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    dropped.swap(tasks_);
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

size_t WorkerPool::queued() const {
  MutexLock lock(&mutex_);
  return tasks_.size();
}

std::vector<const Heartbeat*> WorkerPool::heartbeats() const {
  std::vector<const Heartbeat*> heartbeats;
  for (const Heartbeat& heartbeat : heartbeats_) heartbeats.push_back(&heartbeat);
  return heartbeats;
}

void WorkerPool::Work(Heartbeat* heartbeat) {
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(&mutex_);
      while (tasks_.empty() && !stopped_) changed_.Wait(&mutex_);
      if (stopped_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    const Heartbeat::Round round(heartbeat);
    task();
  }
}

}  // namespace grouter
