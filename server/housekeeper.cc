#include "server/housekeeper.h"

#include <chrono>

#include "spdlog/spdlog.h"

namespace grouter {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(500);

}  // namespace

Housekeeper::Housekeeper(StreamEngine* streams, Counters* counters)
    : streams_(streams), counters_(counters), thread_([this] { Work(); }) {}

Housekeeper::~Housekeeper() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void Housekeeper::Work() {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    if (changed_.WaitUntil(&mutex_, std::chrono::steady_clock::now() + kBetweenLooks)) continue;
    mutex_.Unlock();
    Look();
    mutex_.Lock();
  }
}

void Housekeeper::Look() {
  ++looks_;
  const int evicted = streams_->EvictStuck(std::chrono::steady_clock::now());
  if (evicted > 0) {
    counters_->streams_evicted += evicted;
    spdlog::warn("streams_evicted={} reason=reader_accepts_nothing", evicted);
  }
}

}  // namespace grouter
