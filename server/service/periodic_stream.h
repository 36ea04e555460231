// A server stream that writes a message now and again until its client leaves: Watch calls and long-running
// calls with progress.
#ifndef GROUTER_SERVER_SERVICE_PERIODIC_STREAM_H_
#define GROUTER_SERVER_SERVICE_PERIODIC_STREAM_H_

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "grpcpp/support/server_callback.h"
#include "io/mutex.h"
#include "proto/status.h"
#include "server/service/timer.h"

namespace grouter {

// Every `interval` it asks `next`: a message to send, nothing (ask again later), or the end. Deletes itself.
// `next` is called by one thread at a time and must not block.
template <typename Message>
class PeriodicStream : public grpc::ServerWriteReactor<Message> {
 public:
  struct Turn {
    absl::optional<Message> message;
    absl::optional<absl::Status> end;  // after the message
  };
  using NextFn = std::function<Turn()>;

  // `timer` outlives this.
  PeriodicStream(Timer* timer, std::chrono::milliseconds interval, NextFn next)
      : timer_(timer), interval_(interval), next_(std::move(next)) {
    TakeTurn();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return FinishOnce(absl::CancelledError("the client left"));
    if (end_.has_value()) return FinishOnce(*end_);
    Sleep();
  }
  void OnCancel() override {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    if (sleeping_) timer_->Hurry(alarm_);
  }
  void OnDone() override { delete this; }

 private:
  void TakeTurn() {
    Turn turn = next_();
    end_ = turn.end;
    if (turn.message.has_value()) {
      message_ = std::move(*turn.message);
      return this->StartWrite(&message_);
    }
    if (end_.has_value()) return FinishOnce(*end_);
    Sleep();
  }
  void Sleep() {
    bool cancelled = false;
    {
      MutexLock lock(&mutex_);
      cancelled = cancelled_;
      if (!cancelled) {
        sleeping_ = true;
        alarm_ = timer_->Set(Timer::Clock::now() + interval_, [this] { WakeUp(); });
      }
    }
    if (cancelled) FinishOnce(absl::CancelledError("the client left"));
  }
  void WakeUp() {
    bool cancelled = false;
    {
      MutexLock lock(&mutex_);
      sleeping_ = false;
      cancelled = cancelled_;
    }
    if (cancelled) return FinishOnce(absl::CancelledError("the client left"));
    TakeTurn();
  }
  void FinishOnce(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }

  Timer* const timer_;
  const std::chrono::milliseconds interval_;
  const NextFn next_;
  Message message_;
  absl::optional<absl::Status> end_;
  Mutex mutex_;
  Timer::Id alarm_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sleeping_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SERVICE_PERIODIC_STREAM_H_
