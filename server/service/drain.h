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
#include "grpcpp/alarm.h"
#include "grpcpp/support/server_callback.h"
#include "proto/status.h"

namespace grouter {

inline constexpr std::chrono::milliseconds kLongestDrain(600000);

// `attempt` answers FAILED_PRECONDITION while there are users; any other answer ends the call. At the
// deadline (zero: at once) the last answer is final, DEADLINE_EXCEEDED when there was time to wait. Deletes
// itself. A caller that leaves ends the waiting at the next attempt.
class DrainReactor : public grpc::ServerUnaryReactor {
 public:
  DrainReactor(std::chrono::milliseconds wait, std::function<absl::Status()> attempt)
      : waits_(wait.count() > 0),
        deadline_(std::chrono::steady_clock::now() + std::min(wait, kLongestDrain)),
        attempt_(std::move(attempt)) {
    Try();
  }
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  void Try() {
    const absl::Status status = attempt_();
    if (status.code() != absl::StatusCode::kFailedPrecondition || !waits_ || cancelled_) {
      return Finish(ToGrpcStatus(status));
    }
    if (std::chrono::steady_clock::now() >= deadline_) {
      return Finish(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, std::string(status.message())));
    }
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(50), [this](bool) { Try(); });
  }

  const bool waits_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::function<absl::Status()> attempt_;
  std::atomic<bool> cancelled_{false};
  grpc::Alarm alarm_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_DRAIN_H_
