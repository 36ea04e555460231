#include "server/service/timer.h"

#include <utility>

namespace grouter {

Timer::~Timer() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    thread.swap(thread_);
    changed_.SignalAll();
  }
  if (thread.joinable()) thread.join();
}

Timer::Id Timer::Set(Clock::time_point when, std::function<void()> run) {
  MutexLock lock(&mutex_);
  const Id id = next_++;
  by_id_[id] = waiting_.insert({when, {id, std::move(run)}});
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  changed_.SignalAll();
  return id;
}

void Timer::Hurry(Id id) {
  MutexLock lock(&mutex_);
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  Entry entry = std::move(it->second->second);
  waiting_.erase(it->second);
  it->second = waiting_.insert({Clock::time_point::min(), std::move(entry)});
  changed_.SignalAll();
}

void Timer::Work() {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    if (waiting_.empty()) {
      changed_.Wait(&mutex_);
      continue;
    }
    const auto first = waiting_.begin();
    if (first->first > Clock::now()) {
      changed_.WaitUntil(&mutex_, first->first);
      continue;
    }
    const std::function<void()> run = std::move(first->second.run);
    by_id_.erase(first->second.id);
    waiting_.erase(first);
    mutex_.Unlock();
    run();
    mutex_.Lock();
  }
}

}  // namespace grouter
