// What must be looked at now and again: readers that are stuck, tables whose files changed. One thread, a
// look each half second.
#ifndef GROUTER_SERVER_HOUSEKEEPER_H_
#define GROUTER_SERVER_HOUSEKEEPER_H_

#include <functional>
#include <thread>

#include "io/mutex.h"
#include "server/registry/artefact_registry.h"
#include "server/stats/counters.h"
#include "server/stats/heartbeat.h"
#include "server/stream/stream_engine.h"

namespace grouter {

class Housekeeper {
 public:
  // All outlive this. Starts at once. `artefacts` may be null. `chore`, if given, is run at each look.
  Housekeeper(StreamEngine* streams, ArtefactRegistry* artefacts, Counters* counters,
              std::function<void()> chore = nullptr);
  ~Housekeeper();
  // Idempotent.
  void Stop();
  // A round is a look.
  const Heartbeat& heartbeat() const { return heartbeat_; }

 private:
  void Work();
  void Look();

  StreamEngine* const streams_;
  ArtefactRegistry* const artefacts_;
  Counters* const counters_;
  const std::function<void()> chore_;
  Heartbeat heartbeat_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_HOUSEKEEPER_H_
