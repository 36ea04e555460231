// StreamPlans: a rank's plans, step after step, as fast as the client's credit allows.
#ifndef GROUTER_SERVER_STREAM_STREAM_PLANS_CALL_H_
#define GROUTER_SERVER_STREAM_STREAM_PLANS_CALL_H_

#include <functional>

#include "grpcpp/support/async_stream.h"
#include "server/stream/plan_call.h"
#include "server/stream/plan_service_raw.h"

namespace grouter {

class StreamPlansCall : public PlanCall {
 public:
  StreamPlansCall(PlanServiceRaw* service, StreamContext* context, grpc::ServerCompletionQueue* queue,
                  std::function<void()> accepted, std::function<void(PlanCall*)> ended);
  ~StreamPlansCall() override;
  void Await() override;

 protected:
  void OnAccepted() override;
  void OnRead(bool ok) override;
  void OnSent(const PlanFeed::Outcome& outcome) override;
  void StartWrite(const grpc::ByteBuffer& message) override;
  void StartFinish(const grpc::Status& status) override;

 private:
  void Read();
  absl::Status Take(const v1::StreamPlansRequest& request);
  absl::Status OpenStream(const v1::StreamPlansRequest& request);
  void TakeProgress(const v1::WorkerProgress& progress);

  PlanServiceRaw* const service_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  Workers::Id worker_ = 0;  // 0: not open
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_STREAM_PLANS_CALL_H_
