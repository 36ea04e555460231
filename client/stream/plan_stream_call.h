// One StreamPlans call of a client, on gRPC's callback threads. The messages stay raw until they are read
// into their place.
#ifndef GROUTER_CLIENT_STREAM_PLAN_STREAM_CALL_H_
#define GROUTER_CLIENT_STREAM_PLAN_STREAM_CALL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "grouter/v1/plan_service.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/client_callback.h"
#include "io/mutex.h"

namespace grouter {

// Thread-safe. The owner keeps a started call until `done` was called, and destroys it on a thread of its
// own, never in a callback: the last reference to a channel ends gRPC's callback threads and waits for them,
// which one of them cannot do.
class PlanStreamCall : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  struct Handler {
    std::function<void(const std::string& newest_job)> on_newer_job;
    // One message, in order. An error ends the call with it.
    std::function<absl::Status(grpc::ByteBuffer*)> on_message;
    // Last, once. The call is not used by gRPC any more.
    std::function<void(const absl::Status&)> done;
  };

  PlanStreamCall(std::shared_ptr<grpc::Channel> channel, Handler handler);
  // `traceparent` empty: none.
  void Start(const v1::StreamPlansRequest& open, const std::string& traceparent);
  // Queues a message, before Start too; several that wait for their turn are merged, as grants and progress
  // are totals.
  void Send(const v1::StreamPlansRequest& request);
  // Ends the call; `done` gets `why`.
  void Cancel(const absl::Status& why);

  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void StartWriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<grpc::Channel> channel_;
  const Handler handler_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  Mutex mutex_;
  absl::optional<v1::StreamPlansRequest> waiting_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = true;  // until Start: the first message goes first
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status why_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_CLIENT_STREAM_PLAN_STREAM_CALL_H_
