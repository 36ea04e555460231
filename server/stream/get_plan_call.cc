#include "server/stream/get_plan_call.h"

#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "proto/status.h"

namespace grouter {

GetPlanCall::GetPlanCall(PlanServiceRaw* service, StreamContext* context, grpc::ServerCompletionQueue* queue,
                         std::function<void()> accepted, std::function<void(PlanCall*)> ended)
    : PlanCall(context, queue, std::move(accepted), std::move(ended)), service_(service), writer_(&rpc()) {}

void GetPlanCall::Await() {
  rpc().AsyncNotifyWhenDone(TagOf(Op::kDone));
  service_->RequestGetPlan(&rpc(), &request_, &writer_, queue(), queue(), Begin(Op::kAccepted));
}

void GetPlanCall::OnAccepted() {
  v1::GetPlanRequest request;
  if (!grpc::SerializationTraits<v1::GetPlanRequest>::Deserialize(&request_, &request).ok()) {
    return End(absl::InvalidArgumentError("the request is not a GetPlanRequest"));
  }
  PlanFeedOptions options;
  options.first_group = request.layer_groups().first();
  options.num_groups = request.layer_groups().count();
  options.first_offset = request.payload_offset_bytes();
  const bool with_step = request.sections() != v1::PLAN_SECTIONS_MICRO_BATCHES && !request.has_micro_batch();
  const bool with_micro_batches = request.sections() != v1::PLAN_SECTIONS_STEP;
  if (request.has_micro_batch() && request.micro_batch() >= UINT32_MAX - 1) {
    return End(BadRequest({{"micro_batch", "must be less than the job's number of micro-batches"}}));
  }
  const uint32_t part = request.has_micro_batch() ? request.micro_batch() + 1 : 0;
  const absl::Status opened = Open(request.job_digest(), request.rank(), request.step(), part,
                                   request.step() + 1, with_step, with_micro_batches, options);
  if (!opened.ok()) return End(opened);
  if (request.has_micro_batch()) StopAfter(part);
  Pump();
}

void GetPlanCall::StartWrite(const grpc::ByteBuffer& message) { writer_.Write(message, Begin(Op::kWritten)); }

void GetPlanCall::StartFinish(const grpc::Status& status) { writer_.Finish(status, Begin(Op::kFinished)); }

}  // namespace grouter
