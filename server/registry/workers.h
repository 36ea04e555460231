// The workers of one job: who streams which rank's plans, and how far they are. Thread-safe.
#ifndef GROUTER_SERVER_REGISTRY_WORKERS_H_
#define GROUTER_SERVER_REGISTRY_WORKERS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "io/mutex.h"

namespace grouter {

struct WorkerRecord {
  std::string worker;
  uint32_t rank = 0;
  absl::optional<uint64_t> step_sent;      // newest step whose last part was sent
  absl::optional<uint64_t> step_finished;  // as reported
  uint64_t credit_bytes = 0;               // granted and unused
  uint64_t payload_bytes_sent = 0;
  uint64_t stalled_ns = 0;                   // as reported
  absl::optional<uint64_t> ahead_steps;      // as reported: whole steps it holds and has not begun
  absl::optional<double> plan_lead_seconds;  // last step's: from its plan sent to it finished
};

class Workers {
 public:
  using Id = uint64_t;
  Id Join(std::string worker, uint32_t rank);
  void Leave(Id id);
  void Sent(Id id, uint64_t payload_bytes, uint64_t credit_bytes);
  void StepSent(Id id, uint64_t step, int64_t now_ns);
  void Finished(Id id, uint64_t step, int64_t now_ns);
  void Stalled(Id id, uint64_t stalled_ns);
  void Ahead(Id id, uint64_t steps);
  std::vector<WorkerRecord> List() const;  // by rank
  size_t size() const;

 private:
  struct Entry {
    WorkerRecord record;
    std::deque<std::pair<uint64_t, int64_t>> sent;  // (step, when), ascending; not yet finished
  };
  mutable Mutex mutex_;
  Id next_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<Id, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_WORKERS_H_
