// What calls that stay open share, watches and long-running calls: a bound on their number, and a timer.
#ifndef GROUTER_SERVER_SERVICE_CALL_LIMITS_H_
#define GROUTER_SERVER_SERVICE_CALL_LIMITS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "server/service/timer.h"

namespace grouter {

// Thread-safe. `draining` ends open watches soon after it is set.
class WatchLimit {
 public:
  explicit WatchLimit(uint32_t max_open) : max_open_(max_open) {}

  // Null when max_open are open; else held as long as the watch is.
  std::shared_ptr<void> TryOpen() {
    if (++open_ > max_open_) {
      --open_;
      return nullptr;
    }
    return std::shared_ptr<void>(this, [](void* self) { --static_cast<WatchLimit*>(self)->open_; });
  }
  uint32_t open() const { return open_; }
  Timer* timer() { return &timer_; }
  std::atomic<bool> draining{false};

 private:
  const uint32_t max_open_;
  std::atomic<uint32_t> open_{0};
  Timer timer_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_CALL_LIMITS_H_
