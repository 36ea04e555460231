// GetPlan: the parts of one step.
#ifndef GROUTER_SERVER_STREAM_GET_PLAN_CALL_H_
#define GROUTER_SERVER_STREAM_GET_PLAN_CALL_H_

#include <functional>

#include "grpcpp/support/async_stream.h"
#include "server/stream/plan_call.h"
#include "server/stream/plan_service_raw.h"

namespace grouter {

class GetPlanCall : public PlanCall {
 public:
  GetPlanCall(PlanServiceRaw* service, StreamContext* context, grpc::ServerCompletionQueue* queue,
              std::function<void()> accepted, std::function<void(PlanCall*)> ended);
  void Await() override;

 protected:
  void OnAccepted() override;
  void StartWrite(const grpc::ByteBuffer& message) override;
  void StartFinish(const grpc::Status& status) override;

 private:
  PlanServiceRaw* const service_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
};

}  // namespace grouter

#endif  // GROUTER_SERVER_STREAM_GET_PLAN_CALL_H_
