#include "routing/table/serial_queue.h"

#include <utility>

namespace grouter {

SerialQueue::SerialQueue() : thread_([this] { Run(); }) {}

SerialQueue::~SerialQueue() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void SerialQueue::Post(std::function<void()> task) {
  MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  changed_.SignalAll();
}

void SerialQueue::Drain() {
  MutexLock lock(&mutex_);
  while (running_ || !tasks_.empty()) changed_.Wait(&mutex_);
}

void SerialQueue::Run() {
  mutex_.Lock();
  while (true) {
    while (tasks_.empty() && !stopping_) changed_.Wait(&mutex_);
    if (tasks_.empty()) break;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    running_ = true;
    mutex_.Unlock();
    task();
    task = nullptr;
    mutex_.Lock();
    running_ = false;
    if (tasks_.empty()) changed_.SignalAll();
  }
  mutex_.Unlock();
}

}  // namespace grouter
