#include "client/stream/plan_stream_call.h"

#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "proto/status.h"

namespace grouter {
namespace {

constexpr char kMethod[] = "/grouter.v1.PlanService/StreamPlans";
constexpr char kNewestJob[] = "grouter-newest-job";

}  // namespace

PlanStreamCall::PlanStreamCall(std::shared_ptr<grpc::Channel> channel, Handler handler)
    : channel_(std::move(channel)), handler_(std::move(handler)), stub_(channel_) {}

void PlanStreamCall::Start(const v1::StreamPlansRequest& open, const std::string& traceparent) {
  if (!traceparent.empty()) context_.AddMetadata("traceparent", traceparent);
  stub_.PrepareBidiStreamingCall(&context_, kMethod, grpc::StubOptions(), this);
  {
    MutexLock lock(&mutex_);
    v1::StreamPlansRequest first = open;
    if (waiting_.has_value()) first.MergeFrom(*waiting_);
    waiting_ = std::move(first);
    StartWriteLocked();
  }
  AddHold();  // Send starts writes from other threads
  StartRead(&incoming_);
  StartCall();
}

void PlanStreamCall::StartWriteLocked() {
  bool own_buffer = false;
  grpc::SerializationTraits<v1::StreamPlansRequest>::Serialize(*waiting_, &outgoing_, &own_buffer);
  waiting_.reset();
  writing_ = true;
  StartWrite(&outgoing_);
}

void PlanStreamCall::Send(const v1::StreamPlansRequest& request) {
  MutexLock lock(&mutex_);
  if (ended_) return;
  if (waiting_.has_value()) {
    waiting_->MergeFrom(request);
  } else {
    waiting_ = request;
  }
  if (!writing_) StartWriteLocked();
}

void PlanStreamCall::Cancel(const absl::Status& why) {
  {
    MutexLock lock(&mutex_);
    if (why_.ok()) why_ = why;
  }
  context_.TryCancel();
}

void PlanStreamCall::OnReadInitialMetadataDone(bool ok) {
  if (!ok) return;
  const auto& metadata = context_.GetServerInitialMetadata();
  const auto it = metadata.find(kNewestJob);
  if (it != metadata.end()) handler_.on_newer_job(std::string(it->second.data(), it->second.size()));
}

void PlanStreamCall::OnReadDone(bool ok) {
  if (ok) {
    const absl::Status taken = handler_.on_message(&incoming_);
    if (!taken.ok()) Cancel(taken);
    StartRead(&incoming_);
    return;
  }
  {
    MutexLock lock(&mutex_);
    ended_ = true;
  }
  RemoveHold();
}

void PlanStreamCall::OnWriteDone(bool ok) {
  MutexLock lock(&mutex_);
  writing_ = false;
  if (ok && !ended_ && waiting_.has_value()) StartWriteLocked();
}

void PlanStreamCall::OnDone(const grpc::Status& status) {
  const std::function<void(const absl::Status&)> done = handler_.done;
  absl::Status why;
  {
    MutexLock lock(&mutex_);
    why = why_.ok() ? FromGrpcStatus(status) : why_;
  }
  done(why);  // the owner may destroy this call at once
}

}  // namespace grouter
