#include "server/stream/plan_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "proto/status.h"

namespace grouter {
namespace {

constexpr std::chrono::milliseconds kRetryAfterLimit(1000);
constexpr uint64_t kLeastProgress = 1024;  // bytes between two looks; keepalive's few do not count
constexpr int64_t kSlowest = 10;           // times evict_after for one message

int64_t Nanoseconds(std::chrono::steady_clock::time_point time) {
  return time.time_since_epoch() / std::chrono::nanoseconds(1);
}

absl::Status TooMany(const char* what, uint32_t limit) {
  return WithRetryDelay(
      Error(absl::StatusCode::kResourceExhausted, absl::StrCat("too many ", what, ": ", limit)),
      kRetryAfterLimit);
}

}  // namespace

PlanCall::PlanCall(StreamContext* context, grpc::ServerCompletionQueue* queue, std::function<void()> accepted,
                   std::function<void(PlanCall*)> ended)
    : context_(context), queue_(queue), accepted_(std::move(accepted)), ended_(std::move(ended)) {
  for (int op = 0; op < 6; ++op) tags_[op] = {this, static_cast<Op>(op)};
}

PlanCall::~PlanCall() = default;

void* PlanCall::Begin(Op op) {
  ++pending_;
  return &tags_[static_cast<int>(op)];
}

void PlanCall::Serve(void* tag, bool ok) {
  const Tag* served = static_cast<Tag*>(tag);
  served->call->Proceed(served->op, ok);
}

void PlanCall::Proceed(Op op, bool ok) {
  const std::shared_ptr<PlanCall> self = shared_from_this();  // `ended_` lets go of this call
  --pending_;
  switch (op) {
    case Op::kAccepted:
      if (!ok) break;  // the server is shutting down: no client came
      accepted_();
      begun_ = std::chrono::steady_clock::now();
      {
        MutexLock lock(&wake_mutex_);
        closed_ = false;
      }
      ++pending_;  // kDone, asked for before the call was awaited
      OnAccepted();
      break;
    case Op::kDone:
      cancelled_ = rpc_.IsCancelled();
      if (cancelled_) End(absl::CancelledError("the call was cancelled"));
      break;
    case Op::kRead:
      OnRead(ok);
      break;
    case Op::kWritten:
      writing_ = false;
      write_begun_ns_ = 0;
      if (!ok) cancelled_ = true;
      if (cancelled_) {
        End(absl::CancelledError("the call was cancelled"));
      } else {
        Pump();
      }
      break;
    case Op::kFinished:
      break;
    case Op::kWoken: {
      {
        MutexLock lock(&wake_mutex_);
        wake_pending_ = false;
      }
      Pump();
      break;
    }
  }
  if (end_.has_value() && !writing_ && !finishing_) {
    finishing_ = true;
    {
      MutexLock lock(&wake_mutex_);
      closed_ = true;
    }
    if (opened_) --context_->counters->open_streams;
    StartFinish(ToGrpcStatus(*end_));
  }
  if (pending_ == 0) ended_(this);
}

void PlanCall::Wake() {
  MutexLock lock(&wake_mutex_);
  if (closed_ || wake_pending_) return;
  wake_pending_ = true;
  ++pending_;
  alarm_.Set(queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), &tags_[static_cast<int>(Op::kWoken)]);
}

bool PlanCall::EvictIfStuck(std::chrono::steady_clock::time_point now) {
  const int64_t begun = write_begun_ns_;
  const int64_t evict_ns = std::chrono::nanoseconds(context_->limits.evict_after).count();
  const int64_t now_ns = Nanoseconds(now);
  if (begun == 0 || now_ns - begun < evict_ns / 4) return false;
  absl::optional<uint64_t> accepted;
  if (context_->bytes_accepted) accepted = context_->bytes_accepted(rpc_.peer());
  if (begun != watched_write_ns_) {
    watched_write_ns_ = begun;
    progress_ns_ = begun;
    accepted_bytes_ = accepted.value_or(0);
    if (accepted.has_value()) return false;  // the next look compares
  } else if (accepted.value_or(0) >= accepted_bytes_ + kLeastProgress) {
    accepted_bytes_ = *accepted;
    progress_ns_ = now_ns;
  }
  if (now_ns - progress_ns_ < evict_ns && now_ns - begun < kSlowest * evict_ns) return false;
  rpc_.TryCancel();
  return true;
}

absl::Status PlanCall::Open(const std::string& job_digest, uint32_t rank, uint64_t step, uint32_t part,
                            uint64_t end_step, bool with_step_parts, bool with_micro_batches,
                            PlanFeedOptions options) {
  if (context_->draining) return ReasonToEnd();
  GROUTER_ASSIGN_OR_RETURN(const Caller caller, context_->gate->Admit(rpc_, Right::kRead, "GetPlan"));
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                           context_->jobs->Find(job_digest, caller.May(Right::kRead)));
  if (job->draining)
    return Error(absl::StatusCode::kNotFound, "the job is being forgotten", job->digest.ShortHex());
  const uint64_t num_steps = job->planner->num_steps();
  if (rank >= job->world_size()) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("no rank ", rank, "; the last is ", job->world_size() - 1), "rank");
  }
  if (step >= num_steps) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("step ", step, " is past the end; the last is ", num_steps - 1), "step");
  }
  if (part > job->num_micro_batches()) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("no micro-batch ", part - 1, "; the last is ", job->num_micro_batches() - 1),
                 "micro_batch");
  }
  if (context_->counters->open_streams >= context_->limits.max_streams) {
    context_->counters->rejects.Add("max_streams");
    return TooMany("streams", context_->limits.max_streams);
  }
  if (job->workers.size() >= context_->limits.max_streams_per_job) {
    context_->counters->rejects.Add("max_streams_per_job");
    return TooMany("streams of this job", context_->limits.max_streams_per_job);
  }
  options.rank = rank;
  const PartCursor cursor(step, part, std::min(end_step, num_steps), job->num_micro_batches(),
                          with_step_parts, with_micro_batches);
  const Digest newest = context_->jobs->Newest(job->digest);
  if (newest != job->digest) rpc_.AddInitialMetadata("grouter-newest-job", newest.Hex());
  feed_ = std::make_shared<PlanFeed>(job, cursor, options, context_->cache, [weak = weak_from_this()] {
    if (const std::shared_ptr<PlanCall> call = weak.lock()) call->Wake();
  });
  opened_ = true;
  ++context_->counters->open_streams;
  return absl::OkStatus();
}

absl::Status PlanCall::ReasonToEnd() const {
  if (context_->draining && (feed_ == nullptr || feed_->AtPartBorder())) {
    return WithReason(
        Error(absl::StatusCode::kUnavailable, "the server is draining", "", "Use another server."),
        "DRAINING");
  }
  if (feed_ != nullptr && feed_->AtPartBorder()) {
    const absl::Status damage = context_->jobs->CheckTables(*feed_->job());
    if (!damage.ok()) return damage;
  }
  if (feed_ != nullptr && feed_->AtStepBorder() &&
      std::chrono::steady_clock::now() - begun_ >= context_->limits.max_age) {
    return WithReason(Error(absl::StatusCode::kUnavailable, "the stream is old", "", "Open a new one."),
                      "MAX_AGE");
  }
  return absl::OkStatus();
}

void PlanCall::Pump() {
  if (feed_ == nullptr || writing_ || end_.has_value()) return;
  const absl::Status reason = ReasonToEnd();
  if (!reason.ok()) return End(reason);
  PlanFeed::Outcome outcome = feed_->Next(credit());
  if (!outcome.error.ok()) return End(outcome.error);
  if (!outcome.message.has_value()) {
    if (outcome.done) End(absl::OkStatus());
    return;
  }
  sent_ += outcome.payload_bytes;
  context_->counters->payload_bytes_sent += outcome.payload_bytes;
  ++context_->counters->parts_messages_sent;
  writing_ = true;
  write_begun_ns_ = Nanoseconds(std::chrono::steady_clock::now());
  StartWrite(*outcome.message);
  outcome.message.reset();
  OnSent(outcome);
}

void PlanCall::End(absl::Status status) {
  if (!end_.has_value()) end_ = std::move(status);
}

}  // namespace grouter
