#include "server/stream/stream_plans_call.h"

#include <chrono>
#include <string>
#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "io/error.h"
#include "proto/status.h"

namespace grouter {
namespace {

constexpr size_t kMaxWorkerName = 64;

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

// What people see on pages and terminals: printable ASCII alone.
std::string Printable(const std::string& name) {
  std::string printable;
  for (const char c : name.substr(0, kMaxWorkerName)) printable.push_back(c >= 0x20 && c < 0x7F ? c : '?');
  return printable;
}

}  // namespace

StreamPlansCall::StreamPlansCall(PlanServiceRaw* service, StreamContext* context,
                                 grpc::ServerCompletionQueue* queue, std::function<void()> accepted,
                                 std::function<void(PlanCall*)> ended)
    : PlanCall(context, queue, std::move(accepted), std::move(ended)), service_(service), stream_(&rpc()) {
  Grant(0);
}

StreamPlansCall::~StreamPlansCall() {
  if (worker_ != 0) feed()->job()->workers.Leave(worker_);
}

void StreamPlansCall::Await() {
  rpc().AsyncNotifyWhenDone(TagOf(Op::kDone));
  service_->RequestStreamPlans(&rpc(), &stream_, queue(), queue(), Begin(Op::kAccepted));
}

void StreamPlansCall::OnAccepted() { Read(); }

void StreamPlansCall::Read() { stream_.Read(&request_, Begin(Op::kRead)); }

void StreamPlansCall::OnRead(bool ok) {
  if (!ok) {
    // The client will grant no more; what it has granted is still sent.
    if (feed() == nullptr) End(absl::InvalidArgumentError("the stream was closed before it was opened"));
    return;
  }
  v1::StreamPlansRequest request;
  if (!grpc::SerializationTraits<v1::StreamPlansRequest>::Deserialize(&request_, &request).ok()) {
    return End(absl::InvalidArgumentError("a message is not a StreamPlansRequest"));
  }
  const absl::Status taken = Take(request);
  if (!taken.ok()) return End(taken);
  Read();
  Pump();
}

absl::Status StreamPlansCall::Take(const v1::StreamPlansRequest& request) {
  if (request.has_open() == (feed() != nullptr)) {
    return BadRequest({{"open", "must be in the first message and only there"}});
  }
  const uint64_t grant = request.granted_payload_bytes();
  if (request.has_open() && grant < kMaxMessagePayload) {
    return BadRequest({{"granted_payload_bytes", "must be at least 1048576 in the first message"}});
  }
  if (grant != 0 && grant < granted()) {
    return BadRequest({{"granted_payload_bytes", "is a total since the stream began and never shrinks"}});
  }
  if (grant != 0) Grant(grant);
  if (request.has_open()) GROUTER_RETURN_IF_ERROR(OpenStream(request));
  if (request.has_progress()) TakeProgress(request.progress());
  return absl::OkStatus();
}

absl::Status StreamPlansCall::OpenStream(const v1::StreamPlansRequest& request) {
  const v1::OpenPlanStream& open = request.open();
  if (open.first().has_micro_batch() && open.first().micro_batch() >= UINT32_MAX - 1) {
    return BadRequest({{"open.first.micro_batch", "must be less than the job's number of micro-batches"}});
  }
  const uint32_t part = open.first().has_micro_batch() ? open.first().micro_batch() + 1 : 0;
  PlanFeedOptions options;
  options.first_group = open.layer_groups().first();
  options.num_groups = open.layer_groups().count();
  options.first_offset = open.first().payload_offset_bytes();
  GROUTER_RETURN_IF_ERROR(Open(open.job_digest(), open.rank(), open.first().step(), part,
                               open.has_end_step() ? open.end_step() : UINT64_MAX,
                               open.sections() != v1::PLAN_SECTIONS_MICRO_BATCHES,
                               open.sections() != v1::PLAN_SECTIONS_STEP, options));
  worker_ = feed()->job()->workers.Join(Printable(open.worker()), open.rank());
  return absl::OkStatus();
}

void StreamPlansCall::TakeProgress(const v1::WorkerProgress& progress) {
  if (worker_ == 0) return;
  Workers& workers = feed()->job()->workers;
  feed()->job()->last_used_ns = NowNs();
  if (progress.has_finished_step()) workers.Finished(worker_, progress.finished_step(), NowNs());
  if (progress.has_stalled_ns()) workers.Stalled(worker_, progress.stalled_ns());
  if (progress.has_ahead_steps()) workers.Ahead(worker_, progress.ahead_steps());
}

void StreamPlansCall::OnSent(const PlanFeed::Outcome& outcome) {
  Workers& workers = feed()->job()->workers;
  workers.Sent(worker_, outcome.payload_bytes, credit());
  if (outcome.step_completed.has_value()) workers.StepSent(worker_, *outcome.step_completed, NowNs());
}

void StreamPlansCall::StartWrite(const grpc::ByteBuffer& message) {
  stream_.Write(message, Begin(Op::kWritten));
}

void StreamPlansCall::StartFinish(const grpc::Status& status) {
  stream_.Finish(status, Begin(Op::kFinished));
}

}  // namespace grouter
