#include "server/housekeeper.h"

#include <chrono>
#include <utility>

#include "spdlog/spdlog.h"

namespace grouter {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(500);

}  // namespace

Housekeeper::Housekeeper(StreamEngine* streams, ArtefactRegistry* artefacts, Counters* counters,
                         std::function<void()> chore)
    : streams_(streams),
      artefacts_(artefacts),
      counters_(counters),
      chore_(std::move(chore)),
      thread_([this] { Work(); }) {}

Housekeeper::~Housekeeper() { Stop(); }

void Housekeeper::Stop() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
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
  const Heartbeat::Round round(&heartbeat_);
  if (chore_ != nullptr) chore_();
  const int damaged = artefacts_ == nullptr ? 0 : artefacts_->MarkChangedTables();
  if (damaged > 0) {
    spdlog::error("tables_damaged={} reason=files_changed_under_the_server", damaged);
    streams_->WakeAll();  // streams of these tables end with DATA_LOSS
  }
  const int evicted = streams_->EvictStuck(std::chrono::steady_clock::now());
  if (evicted > 0) {
    counters_->streams_evicted += evicted;
    spdlog::warn("streams_evicted={} reason=reader_accepts_nothing", evicted);
  }
}

}  // namespace grouter
