// What a server counts as it runs. Atomics, written from any thread, read when somebody asks.
#ifndef GROUTER_SERVER_STATS_COUNTERS_H_
#define GROUTER_SERVER_STATS_COUNTERS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "io/mutex.h"

namespace grouter {

// Refusals by reason. Reasons are constants of the program: their number is bounded. Thread-safe.
class RejectCounts {
 public:
  void Add(const char* reason) {
    MutexLock lock(&mutex_);
    ++counts_[reason];
  }
  std::map<std::string, uint64_t> Read() const {
    MutexLock lock(&mutex_);
    return counts_;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
};

struct Counters {
  std::atomic<uint64_t> open_streams{0};
  std::atomic<uint64_t> payload_bytes_sent{0};
  std::atomic<uint64_t> parts_messages_sent{0};
  std::atomic<uint64_t> streams_evicted{0};
  std::atomic<uint64_t> replay_bytes_sent{0};
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> connections_accepted{0};
  std::atomic<uint64_t> connections_refused{0};
  RejectCounts rejects;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STATS_COUNTERS_H_
