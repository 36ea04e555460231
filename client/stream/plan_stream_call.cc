#include "client/stream/plan_stream_call.h"

#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "proto/status.h"

namespace grouter {
namespace {

constexpr char kMethod[] = "/grouter.v1.PlanService/StreamPlans";
constexpr char kNewestJob[] = "grouter-newest-job";

// By the steady clock, so that a wall clock that is set back stops nobody.
gpr_timespec DeadlineAt(PlanStreamCall::Clock::time_point until) {
  const int64_t left_ns = (until - PlanStreamCall::Clock::now()) / std::chrono::nanoseconds(1);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(left_ns, GPR_TIMESPAN));
}

}  // namespace

PlanStreamCall::PlanStreamCall(std::shared_ptr<grpc::Channel> channel, Handler handler)
    : channel_(std::move(channel)), handler_(std::move(handler)) {}

PlanStreamCall::~PlanStreamCall() {
  handler_.on_newer_job = nullptr;
  handler_.on_message = [](grpc::ByteBuffer*) { return absl::OkStatus(); };
  if (!is_over_) context_.TryCancel();
  while (!is_over_) Serve(Clock::now() + std::chrono::seconds(1));
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void* PlanStreamCall::Begin(Op op) {
  MutexLock lock(&mutex_);
  ++pending_;
  return &tags_[op];
}

void PlanStreamCall::Start(const v1::StreamPlansRequest& open, const std::string& traceparent) {
  if (!traceparent.empty()) context_.AddMetadata("traceparent", traceparent);
  {
    MutexLock lock(&mutex_);
    v1::StreamPlansRequest first = open;
    if (waiting_.has_value()) first.MergeFrom(*waiting_);
    waiting_ = std::move(first);
  }
  is_over_ = false;
  call_ = grpc::GenericStub(channel_).PrepareCall(&context_, kMethod, &queue_);
  call_->StartCall(Begin(kStarted));
}

absl::optional<absl::Status> PlanStreamCall::Serve(Clock::time_point until) {
  const gpr_timespec deadline = DeadlineAt(until);
  while (true) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) return absl::nullopt;
    Proceed(static_cast<Op>(static_cast<char*>(tag) - tags_), ok);
    MutexLock lock(&mutex_);
    if (--pending_ > 0) continue;
    is_over_ = true;
    return why_.ok() ? FromGrpcStatus(status_) : why_;
  }
}

void PlanStreamCall::Proceed(Op op, bool ok) {
  switch (op) {
    case kStarted:
      if (!ok) return OnRead(false);
      {
        MutexLock lock(&mutex_);
        StartWriteLocked();
      }
      call_->Read(&incoming_, Begin(kRead));
      return;
    case kRead:
      return OnRead(ok);
    case kWritten: {
      MutexLock lock(&mutex_);
      writing_ = false;
      if (ok && !ended_ && waiting_.has_value()) StartWriteLocked();
      return;
    }
    case kFinished:
    case kNumOps:
      return;
  }
}

void PlanStreamCall::OnRead(bool ok) {
  if (!ok) {
    {
      MutexLock lock(&mutex_);
      ended_ = true;
    }
    call_->Finish(&status_, Begin(kFinished));
    return;
  }
  if (!metadata_seen_) {
    metadata_seen_ = true;
    const auto& metadata = context_.GetServerInitialMetadata();
    const auto it = metadata.find(kNewestJob);
    if (it != metadata.end() && handler_.on_newer_job != nullptr) {
      handler_.on_newer_job(std::string(it->second.data(), it->second.size()));
    }
  }
  const absl::Status taken = handler_.on_message(&incoming_);
  if (!taken.ok()) Cancel(taken);
  call_->Read(&incoming_, Begin(kRead));
}

void PlanStreamCall::StartWriteLocked() {
  grpc::ByteBuffer message;
  bool own_buffer = false;
  grpc::SerializationTraits<v1::StreamPlansRequest>::Serialize(*waiting_, &message, &own_buffer);
  waiting_.reset();
  writing_ = true;
  ++pending_;
  call_->Write(message, &tags_[kWritten]);
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

}  // namespace grouter
