// One StreamPlans call of a client, served by the thread that waits for it. The messages stay raw until they
// are read into their place.
#ifndef GROUTER_CLIENT_STREAM_PLAN_STREAM_CALL_H_
#define GROUTER_CLIENT_STREAM_PLAN_STREAM_CALL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "grouter/v1/plan_service.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "io/mutex.h"

namespace grouter {

// Start and Serve belong to one thread, which reads the socket itself: no wake-up lies between a plan's
// arrival and its reader. Send and Cancel come from any thread.
class PlanStreamCall {
 public:
  using Clock = std::chrono::steady_clock;
  // Called inside Serve.
  struct Handler {
    std::function<void(const std::string& newest_job)> on_newer_job;  // may be null
    // One message, in order. An error ends the call with it.
    std::function<absl::Status(grpc::ByteBuffer*)> on_message;
  };

  PlanStreamCall(std::shared_ptr<grpc::Channel> channel, Handler handler);
  // Cancels a call that has not ended, and waits for its end; no handler is called.
  ~PlanStreamCall();
  PlanStreamCall(const PlanStreamCall&) = delete;
  PlanStreamCall& operator=(const PlanStreamCall&) = delete;

  // Once. `traceparent` empty: none.
  void Start(const v1::StreamPlansRequest& open, const std::string& traceparent);
  // Reads until the call has ended, which gives its status, or until `until`. Not again after the end.
  // REQUIRES: started.
  absl::optional<absl::Status> Serve(Clock::time_point until);
  // Queues a message, before Start too; several that wait for their turn are merged, as grants and progress
  // are totals.
  void Send(const v1::StreamPlansRequest& request);
  // Ends the call; its status is then `why`, the first one given.
  void Cancel(const absl::Status& why);

 private:
  enum Op { kStarted, kRead, kWritten, kFinished, kNumOps };

  void* Begin(Op op);
  void Proceed(Op op, bool ok);
  void OnRead(bool ok);
  void StartWriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<grpc::Channel> channel_;
  Handler handler_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;  // in the context's memory
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  bool metadata_seen_ = false;
  bool is_over_ = true;  // not started, or ended
  char tags_[kNumOps] = {};

  Mutex mutex_;
  int pending_ ABSL_GUARDED_BY(mutex_) = 0;  // operations under way
  absl::optional<v1::StreamPlansRequest> waiting_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = true;  // until the call has started: its first message goes first
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status why_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_CLIENT_STREAM_PLAN_STREAM_CALL_H_
