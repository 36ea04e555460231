// A unary call that waits for users to leave: tries again and again until it works or its deadline passes.
#ifndef GROUTER_SERVER_SERVICE_DRAIN_H_
#define GROUTER_SERVER_SERVICE_DRAIN_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"
#include "proto/status.h"
#include "server/service/timer.h"

namespace grouter {

inline constexpr std::chrono::milliseconds kLongestDrain(600000);
inline constexpr std::chrono::milliseconds kBetweenAttempts(50);

// `attempt` answers FAILED_PRECONDITION while there are users; any other answer ends the call. At the
// deadline (zero: at once) the last answer is final, DEADLINE_EXCEEDED when there was time to wait. Deletes
// itself. A caller that leaves ends the waiting at the next attempt.
class DrainReactor : public grpc::ServerUnaryReactor {
 public:
  // `timer` outlives this. `ended`, if given, is told the call's outcome.
  DrainReactor(Timer* timer, std::chrono::milliseconds wait, std::function<absl::Status()> attempt,
               std::function<void(const absl::Status&)> ended = nullptr)
      : timer_(timer),
        waits_(wait.count() > 0),
        deadline_(std::chrono::steady_clock::now() + std::min(wait, kLongestDrain)),
        attempt_(std::move(attempt)),
        ended_(std::move(ended)) {
    Try();
  }
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  void Try() {
    const absl::Status status = attempt_();
    if (status.code() != absl::StatusCode::kFailedPrecondition || !waits_ || cancelled_) {
      return End(status);
    }
    if (Timer::Clock::now() >= deadline_) return End(absl::DeadlineExceededError(status.message()));
    timer_->Set(Timer::Clock::now() + kBetweenAttempts, [this] { Try(); });
  }

  void End(const absl::Status& status) {
    if (ended_ != nullptr) ended_(status);
    Finish(ToGrpcStatus(status));
  }

  Timer* const timer_;
  const bool waits_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::function<absl::Status()> attempt_;
  const std::function<void(const absl::Status&)> ended_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_DRAIN_H_
