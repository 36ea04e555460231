// Keeps the shared work of the micro-batches asked for last, so that a server that answers many ranks counts
// once. What is returned never depends on what was kept.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_TRAFFIC_CACHE_H_
#define GROUTER_ROUTING_PLANNING_BATCH_TRAFFIC_CACHE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "io/mutex.h"
#include "routing/planning/batch/micro_batch_traffic.h"

namespace grouter {

// Thread-safe. Two threads that want the same entry at once share one making of it.
class TrafficCache {
 public:
  using Value = std::shared_ptr<const MicroBatchTraffic>;
  // Keeps at most `max_bytes`, but always the `min_entries` used last.
  TrafficCache(uint64_t max_bytes, uint32_t min_entries) : max_bytes_(max_bytes), min_entries_(min_entries) {}

  // The kept value of (step, micro_batch), or what `make` gives; errors are not kept.
  absl::StatusOr<Value> Get(uint64_t step, uint32_t micro_batch,
                            const std::function<absl::StatusOr<Value>()>& make);

 private:
  struct Entry {
    uint64_t step = 0;
    uint32_t micro_batch = 0;
    bool done = false;
    absl::StatusOr<Value> value = Value();
    Mutex making;  // held while the value is made
  };
  std::shared_ptr<Entry> Find(uint64_t step, uint32_t micro_batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t max_bytes_;
  const uint32_t min_entries_;
  Mutex mutex_;
  using Entries = std::list<std::shared_ptr<Entry>>;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // the one used last is first
  std::map<std::pair<uint64_t, uint32_t>, Entries::iterator> index_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of the entries that are done
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_TRAFFIC_CACHE_H_
