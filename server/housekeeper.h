// What must be looked at now and again: readers that are stuck, tables whose files changed. One thread, a
// look each half second.
#ifndef GROUTER_SERVER_HOUSEKEEPER_H_
#define GROUTER_SERVER_HOUSEKEEPER_H_

#include <atomic>
#include <thread>

#include "io/mutex.h"
#include "server/registry/artefact_registry.h"
#include "server/stats/counters.h"
#include "server/stream/stream_engine.h"

namespace grouter {

class Housekeeper {
 public:
  // All outlive this. Starts at once. `artefacts` may be null.
  Housekeeper(StreamEngine* streams, ArtefactRegistry* artefacts, Counters* counters);
  ~Housekeeper();
  // Idempotent.
  void Stop();
  // Looks since the start: a heartbeat.
  uint64_t looks() const { return looks_; }

 private:
  void Work();
  void Look();

  StreamEngine* const streams_;
  ArtefactRegistry* const artefacts_;
  Counters* const counters_;
  std::atomic<uint64_t> looks_{0};
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_HOUSEKEEPER_H_
