#include "client/grpc_plan_source.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "client/stream/channel_credentials.h"
#include "client/stream/plan_buffer.h"
#include "client/stream/plan_stream_call.h"
#include "client/stream/server_list.h"
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/plan_service.grpc.pb.h"
#include "io/error.h"
#include "io/mutex.h"
#include "proto/codec.h"
#include "proto/status.h"
#include "routing/planning/certificate.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kGrantsPerWindow = 4;  // small plans that fit into one grant come in one message
constexpr uint64_t kSkipSteps = 8;        // a call this far ahead of the stream starts the stream over there

// The job is wrong, not the server.
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

std::string ThisProcess() {
  char host[64] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, ":", getpid());
}

class Source : public GrpcPlanSource {
 public:
  explicit Source(GrpcPlanSourceOptions options)
      : options_(std::move(options)),
        digest_(options_.spec.digest()),
        servers_(options_.servers, uint64_t{options_.rank} << 32 | static_cast<uint32_t>(getpid()),
                 options_.credentials) {
    if (options_.worker.empty()) options_.worker = ThisProcess();
    options_.window_bytes = std::max(options_.window_bytes, kMaxMessagePayload);
    identity_.rank = options_.rank;
    identity_.num_micro_batches = options_.spec.draft.batch.num_micro_batches;
    identity_.max_part_bytes = options_.max_part_bytes;
    last_answer_ = Clock::now();
  }
  ~Source() override {
    Close();
    if (driver_.joinable()) driver_.join();
  }

  // Waits until the job is registered somewhere.
  absl::Status Connect() {
    driver_ = std::thread([this] { Drive(); });
    const auto deadline = Clock::now() + options_.server_timeout;
    MutexLock lock(&mutex_);
    while (!registered_ && final_.ok() && !closed_) {
      if (!changed_.WaitUntil(&mutex_, deadline)) return NoServerLocked();
    }
    return final_;
  }

  const JobSpec& spec() const override { return options_.spec; }
  const Digest& job_digest() const override { return digest_; }
  uint32_t rank() const override { return options_.rank; }
  uint64_t num_steps() const override { return identity_.num_steps; }

  absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) override {
    GROUTER_ASSIGN_OR_RETURN(const CheckedPart part, Get({step, 0}));
    return part.step;
  }
  absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step,
                                                                   uint32_t micro_batch) override {
    if (micro_batch >= identity_.num_micro_batches) {
      return Error(
          absl::StatusCode::kOutOfRange,
          absl::StrCat("no micro-batch ", micro_batch, "; the last is ", identity_.num_micro_batches - 1));
    }
    const PartName name{step, micro_batch + 1};
    GROUTER_ASSIGN_OR_RETURN(CheckedPart part, Get(name));
    const absl::Status certified = Certify(name, part);
    if (certified.ok()) return part.micro_batch;
    if (!absl::IsDataLoss(certified)) return certified;
    Distrust(certified);
    GROUTER_ASSIGN_OR_RETURN(part, GetByKey(name, Clock::now() + options_.server_timeout));
    return part.micro_batch;
  }
  absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) override;
  void Finished(uint64_t step) override;
  void Close() override;
  GrpcPlanSourceMetrics metrics() const override {
    MutexLock lock(&mutex_);
    return metrics_;
  }

 private:
  struct Held {
    CheckedPart part;                      // until it is asked for
    std::weak_ptr<const void> handed_out;  // afterwards, while someone has it
    bool is_out = false;
  };
  struct HeldEpoch {
    std::shared_ptr<const PlacementEpoch> epoch;
    uint64_t end_step = UINT64_MAX;
  };

  absl::Status Closed() const { return absl::CancelledError("the plan source was closed"); }
  absl::Status NoServerLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return Error(
        absl::StatusCode::kUnavailable, "no server answered in time", absl::StrJoin(options_.servers, ", "),
        absl::StrCat("Start one, or check the addresses; the last answer was: ", last_error_.message()));
  }
  absl::Status PastTheEnd() const {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("past the end; the last step is ", num_steps() - 1));
  }
  void Tell(const std::string& event) const {
    if (options_.on_event) options_.on_event(event);
  }

  // Callers.
  // What one rank can check of its own plan, by code that shares nothing with the planner.
  absl::Status Certify(const PartName& name, const CheckedPart& part);
  // The server in use gave a plan that does not hold: the next one is used.
  void Distrust(const absl::Status& why);
  absl::StatusOr<CheckedPart> Get(const PartName& name);
  absl::optional<CheckedPart> TakeHeldLocked(const PartName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LetGoBeforeLocked(const PartName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<CheckedPart> GetByKey(const PartName& name, Clock::time_point deadline);
  absl::StatusOr<CheckedPart> AskFallback(const PartName& name, const absl::Status& why);
  template <typename Call>
  absl::Status CallServers(Clock::time_point deadline, const Call& call);

  // The driver thread.
  void Drive();
  absl::Status Register(const std::shared_ptr<grpc::Channel>& channel);
  absl::Status RunStream(const std::shared_ptr<grpc::Channel>& channel);
  bool SleepUnlessClosed(std::chrono::milliseconds time);
  v1::StreamPlansRequest OpenRequestLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // What the stream brings: on the driver thread too.
  absl::Status OnMessage(grpc::ByteBuffer* message);
  absl::Status KeepWholePart();
  void OnNewerJob(const std::string& hex);
  uint64_t AllowedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GrantLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void PrepareContext(grpc::ClientContext* context, Clock::time_point deadline) const {
    const auto left = std::min<Clock::duration>(deadline - Clock::now(), options_.call_timeout);
    // A span: no jump of the wall clock shortens or stretches it.
    context->set_deadline(gpr_time_from_millis(left / std::chrono::milliseconds(1), GPR_TIMESPAN));
    if (!options_.traceparent.empty()) context->AddMetadata("traceparent", options_.traceparent);
  }

  GrpcPlanSourceOptions options_;
  const Digest digest_;
  PlanIdentity identity_;  // num_steps is set once, before Connect returns
  ServerList servers_;     // the driver's
  std::thread driver_;
  std::unique_ptr<PartAssembler> assembler_;  // the driver's

  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool registered_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status final_ ABSL_GUARDED_BY(mutex_);       // of the job: nothing helps
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);  // of a server
  Clock::time_point last_answer_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Channel> good_channel_ ABSL_GUARDED_BY(mutex_);  // for calls beside the stream
  absl::optional<PartName> start_ ABSL_GUARDED_BY(mutex_);  // where the stream is to begin (again)
  PartName next_ ABSL_GUARDED_BY(mutex_){0, 0};             // that the stream brings next
  bool streaming_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<PartName, Held> held_ ABSL_GUARDED_BY(mutex_);
  uint64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // not handed out
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;          // callers waiting for the stream
  PlanStreamCall* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t received_ ABSL_GUARDED_BY(mutex_) = 0;  // payload bytes of this stream
  uint64_t granted_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::optional<uint64_t> finished_step_ ABSL_GUARDED_BY(mutex_);
  Digest newer_job_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, HeldEpoch> epochs_ ABSL_GUARDED_BY(mutex_);
  GrpcPlanSourceMetrics metrics_ ABSL_GUARDED_BY(mutex_);
};

// ---- callers ----

absl::optional<CheckedPart> Source::TakeHeldLocked(const PartName& name) {
  const auto it = held_.find(name);
  if (it == held_.end()) return absl::nullopt;
  Held& held = it->second;
  if (!held.is_out) {
    const CheckedPart part = held.part;
    held.is_out = true;
    held_bytes_ -= part.payload_bytes;
    if (part.step != nullptr) held.handed_out = part.step;
    if (part.micro_batch != nullptr) held.handed_out = part.micro_batch;
    held.part.step.reset();
    held.part.micro_batch.reset();
    GrantLocked();
    return part;
  }
  const std::shared_ptr<const void> alive = held.handed_out.lock();
  if (alive == nullptr) {
    held_.erase(it);
    return absl::nullopt;
  }
  CheckedPart part;
  part.payload_bytes = held.part.payload_bytes;
  if (name.second == 0) part.step = std::static_pointer_cast<const StepPart>(alive);
  if (name.second != 0) part.micro_batch = std::static_pointer_cast<const MicroBatchPlan>(alive);
  return part;
}

void Source::LetGoBeforeLocked(const PartName& name) {
  while (!held_.empty() && held_.begin()->first < name) {
    if (!held_.begin()->second.is_out) held_bytes_ -= held_.begin()->second.part.payload_bytes;
    held_.erase(held_.begin());
  }
  GrantLocked();
}

absl::StatusOr<CheckedPart> Source::Get(const PartName& name) {
  if (name.first >= num_steps()) return PastTheEnd();
  const auto begin = Clock::now();
  absl::StatusOr<CheckedPart> result = Closed();
  bool by_key = false;
  {
    MutexLock lock(&mutex_);
    if (!streaming_wanted_) {
      streaming_wanted_ = true;
      next_ = {name.first, 0};
      start_ = next_;
      changed_.SignalAll();
    }
    ++waiting_;
    while (true) {
      if (closed_) break;
      if (absl::optional<CheckedPart> part = TakeHeldLocked(name)) {
        result = std::move(*part);
        break;
      }
      if (!final_.ok()) {
        result = final_;
        break;
      }
      if (name < next_) {
        by_key = true;
        break;
      }
      if (name.first > next_.first + kSkipSteps) {
        next_ = {name.first, 0};
        start_ = next_;
        LetGoBeforeLocked(next_);
        if (stream_ != nullptr) stream_->Cancel(absl::AbortedError("the reader went on elsewhere"));
      } else if (held_bytes_ > 0 && granted_ <= received_) {
        LetGoBeforeLocked(name);  // parts nobody asked for hold the credit that this one needs
      }
      const auto deadline = std::max(begin, last_answer_) + options_.server_timeout;
      if (!changed_.WaitUntil(&mutex_, deadline) &&
          Clock::now() >= std::max(begin, last_answer_) + options_.server_timeout) {
        result = NoServerLocked();
        break;
      }
    }
    --waiting_;
    metrics_.waited_ns += (Clock::now() - begin) / std::chrono::nanoseconds(1);
  }
  if (by_key) result = GetByKey(name, begin + options_.server_timeout);
  if (!result.ok() && result.status().code() == absl::StatusCode::kUnavailable)
    return AskFallback(name, result.status());
  return result;
}

absl::Status Source::Certify(const PartName& name, const CheckedPart& part) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const PlacementEpoch> epoch, PlacementAt(name.first));
  return CheckMicroBatchPlan(options_.spec, epoch->placement, *part.micro_batch);
}

void Source::Distrust(const absl::Status& why) {
  Tell(std::string(why.message()));
  MutexLock lock(&mutex_);
  ++metrics_.failed_checks;
  last_error_ = why;
  good_channel_ = nullptr;
  if (stream_ != nullptr) stream_->Cancel(why);
  changed_.SignalAll();
}

absl::StatusOr<CheckedPart> Source::AskFallback(const PartName& name, const absl::Status& why) {
  if (options_.fallback == nullptr) return why;
  {
    MutexLock lock(&mutex_);
    ++metrics_.from_fallback;
  }
  CheckedPart part;
  if (name.second == 0) {
    GROUTER_ASSIGN_OR_RETURN(part.step, options_.fallback->Step(name.first));
  } else {
    GROUTER_ASSIGN_OR_RETURN(part.micro_batch, options_.fallback->MicroBatch(name.first, name.second - 1));
  }
  return part;
}

// Tries `call` with the channel that works now until it does, or `deadline`.
template <typename Call>
absl::Status Source::CallServers(Clock::time_point deadline, const Call& call) {
  while (true) {
    std::shared_ptr<grpc::Channel> channel;
    {
      MutexLock lock(&mutex_);
      while (good_channel_ == nullptr && !closed_ && final_.ok()) {
        if (!changed_.WaitUntil(&mutex_, deadline)) return NoServerLocked();
      }
      if (closed_) return Closed();
      if (!final_.ok()) return final_;
      channel = good_channel_;
    }
    const absl::Status status = call(channel);
    if (status.ok() || IsFinal(status)) return status;
    MutexLock lock(&mutex_);
    last_error_ = status;
    if (Clock::now() >= deadline) return NoServerLocked();
    // The driver learns it too, registers the job again or goes to the next server.
    if (good_channel_ == channel) {
      good_channel_ = nullptr;
      if (stream_ != nullptr) stream_->Cancel(status);
      changed_.SignalAll();
    }
  }
}

absl::StatusOr<CheckedPart> Source::GetByKey(const PartName& name, Clock::time_point deadline) {
  v1::GetPlanRequest request;
  request.set_job_digest(digest_.Hex());
  request.set_step(name.first);
  request.set_rank(options_.rank);
  if (name.second == 0) request.set_sections(v1::PLAN_SECTIONS_STEP);
  if (name.second != 0) request.set_micro_batch(name.second - 1);
  absl::StatusOr<CheckedPart> result = absl::UnavailableError("not asked yet");
  const absl::Status status = CallServers(deadline, [&](const std::shared_ptr<grpc::Channel>& channel) {
    const auto stub = v1::PlanService::NewStub(channel);
    grpc::ClientContext context;
    PrepareContext(&context, deadline);
    const auto reader = stub->GetPlan(&context, request);
    std::string payload;
    v1::GetPlanResponse response;
    while (reader->Read(&response)) {
      for (const v1::PlanFrame& frame : response.frames()) {
        if (payload.size() + frame.data().size() > options_.max_part_bytes) context.TryCancel();
        payload += frame.data();
      }
    }
    GROUTER_RETURN_IF_ERROR(FromGrpcStatus(reader->Finish()));
    std::shared_ptr<char[]> bytes(new char[payload.size() + 1]);
    std::copy(payload.begin(), payload.end(), bytes.get());
    result = CheckPart(name, identity_, bytes, payload.size());
    if (result.ok() && name.second > 0) {
      const absl::Status certified = Certify(name, *result);
      if (!certified.ok()) result = certified;
    }
    if (!result.ok()) Tell(std::string(result.status().message()));
    return result.status();
  });
  MutexLock lock(&mutex_);
  ++metrics_.by_key;
  if (!status.ok()) return status;
  last_answer_ = Clock::now();
  return result;
}

absl::StatusOr<std::shared_ptr<const PlacementEpoch>> Source::PlacementAt(uint64_t step) {
  if (step >= num_steps()) return PastTheEnd();
  {
    MutexLock lock(&mutex_);
    if (closed_) return Closed();
    const auto it = epochs_.upper_bound(step);
    if (it != epochs_.begin() && step < std::prev(it)->second.end_step) return std::prev(it)->second.epoch;
  }
  v1::GetPlacementRequest request;
  request.set_job_digest(digest_.Hex());
  request.set_step(step);
  v1::GetPlacementResponse response;
  const auto deadline = Clock::now() + options_.server_timeout;
  const absl::Status status = CallServers(deadline, [&](const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    PrepareContext(&context, deadline);
    return FromGrpcStatus(v1::PlanService::NewStub(channel)->GetPlacement(&context, request, &response));
  });
  if (status.code() == absl::StatusCode::kUnavailable && options_.fallback != nullptr) {
    return options_.fallback->PlacementAt(step);
  }
  GROUTER_RETURN_IF_ERROR(status);
  GROUTER_ASSIGN_OR_RETURN(PlacementEpoch epoch, FromWire(response.epoch()));
  HeldEpoch held;
  held.epoch = std::make_shared<const PlacementEpoch>(std::move(epoch));
  if (response.epoch().has_end_step()) held.end_step = response.epoch().end_step();
  MutexLock lock(&mutex_);
  epochs_[held.epoch->first_step] = held;
  return held.epoch;
}

void Source::Finished(uint64_t step) {
  MutexLock lock(&mutex_);
  finished_step_ = std::max(finished_step_.value_or(0), step);
  LetGoBeforeLocked({step + 1, 0});
  if (stream_ == nullptr) return;
  v1::StreamPlansRequest request;
  request.mutable_progress()->set_finished_step(*finished_step_);
  request.mutable_progress()->set_stalled_ns(metrics_.waited_ns);
  request.mutable_progress()->set_ahead_steps(next_.first - std::min(next_.first, *finished_step_ + 1));
  stream_->Send(request);
}

void Source::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  if (stream_ != nullptr) stream_->Cancel(Closed());
  changed_.SignalAll();
}

// ---- what the stream brings ----

uint64_t Source::AllowedLocked() const {
  const uint64_t free = options_.window_bytes > held_bytes_ ? options_.window_bytes - held_bytes_ : 0;
  return received_ + free;
}

void Source::GrantLocked() {
  const uint64_t allowed = AllowedLocked();
  if (stream_ == nullptr || allowed < granted_ + options_.window_bytes / kGrantsPerWindow) return;
  granted_ = allowed;
  v1::StreamPlansRequest request;
  request.set_granted_payload_bytes(granted_);
  stream_->Send(request);
}

absl::Status Source::KeepWholePart() {
  const PartName name = assembler_->name();
  absl::StatusOr<CheckedPart> part = assembler_->Take();
  MutexLock lock(&mutex_);
  if (!part.ok()) {
    ++metrics_.failed_checks;
    return part.status();
  }
  ++metrics_.parts;
  if (start_.has_value()) return absl::OkStatus();  // the reader is elsewhere by now
  next_ = assembler_->name();
  held_bytes_ += part->payload_bytes;
  held_[name].part = std::move(*part);
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::Status Source::OnMessage(grpc::ByteBuffer* message) {
  uint64_t bytes = 0;
  absl::Status status = ReadFrames(message, [&](const FrameHeader& header) -> absl::StatusOr<char*> {
    if (assembler_->IsWhole()) GROUTER_RETURN_IF_ERROR(KeepWholePart());
    bytes += header.data_bytes;
    return assembler_->Place(header);
  });
  if (status.ok() && assembler_->IsWhole()) status = KeepWholePart();
  // What a broken message left behind is received again.
  if (!status.ok()) assembler_->StartOver(assembler_->name());
  MutexLock lock(&mutex_);
  received_ += bytes;
  metrics_.payload_bytes += bytes;
  last_answer_ = Clock::now();
  GrantLocked();
  return status;
}

void Source::OnNewerJob(const std::string& hex) {
  const absl::StatusOr<Digest> digest = Digest::FromHex(hex);
  if (!digest.ok()) return;
  {
    MutexLock lock(&mutex_);
    if (newer_job_ == *digest) return;
    newer_job_ = *digest;
  }
  if (options_.on_newer_job) options_.on_newer_job(*digest);
}

// ---- the driver ----

absl::Status Source::Register(const std::shared_ptr<grpc::Channel>& channel) {
  v1::RegisterJobRequest request;
  *request.mutable_spec() = ToWire(options_.spec);
  request.set_label(options_.label);
  request.set_expected_digest(digest_.Hex());
  v1::RegisterJobResponse response;
  grpc::ClientContext context;
  PrepareContext(&context, Clock::now() + options_.call_timeout);
  GROUTER_RETURN_IF_ERROR(
      FromGrpcStatus(v1::CatalogService::NewStub(channel)->RegisterJob(&context, request, &response)));
  if (options_.rank >= response.world_size()) {
    return Error(absl::StatusCode::kOutOfRange,
                 absl::StrCat("no rank ", options_.rank, "; the last is ", response.world_size() - 1));
  }
  MutexLock lock(&mutex_);
  if (!registered_) identity_.num_steps = response.num_steps();
  registered_ = true;
  last_answer_ = Clock::now();
  good_channel_ = channel;
  changed_.SignalAll();
  return absl::OkStatus();
}

v1::StreamPlansRequest Source::OpenRequestLocked() {
  v1::StreamPlansRequest request;
  v1::OpenPlanStream* open = request.mutable_open();
  open->set_job_digest(digest_.Hex());
  open->set_rank(options_.rank);
  open->set_worker(options_.worker);
  open->mutable_first()->set_step(assembler_->name().first);
  if (assembler_->name().second > 0) open->mutable_first()->set_micro_batch(assembler_->name().second - 1);
  open->mutable_first()->set_payload_offset_bytes(assembler_->offset());
  received_ = 0;
  granted_ = std::max(AllowedLocked(), kMaxMessagePayload);
  request.set_granted_payload_bytes(granted_);
  if (finished_step_.has_value()) request.mutable_progress()->set_finished_step(*finished_step_);
  return request;
}

absl::Status Source::RunStream(const std::shared_ptr<grpc::Channel>& channel) {
  PlanStreamCall::Handler handler;
  handler.on_newer_job = [this](const std::string& hex) { OnNewerJob(hex); };
  handler.on_message = [this](grpc::ByteBuffer* message) { return OnMessage(message); };
  const auto call = std::make_unique<PlanStreamCall>(channel, std::move(handler));
  mutex_.Lock();
  if (start_.has_value()) {
    if (assembler_ == nullptr) {
      assembler_ = std::make_unique<PartAssembler>(identity_, *start_);
    } else {
      assembler_->StartOver(*start_);
    }
    next_ = *start_;
    start_.reset();
  }
  stream_ = call.get();
  ++metrics_.streams;
  const v1::StreamPlansRequest open = OpenRequestLocked();
  last_answer_ = Clock::now();
  if (closed_) call->Cancel(Closed());
  mutex_.Unlock();
  call->Start(open, options_.traceparent);
  absl::optional<absl::Status> end;
  while (!end.has_value()) {
    end = call->Serve(Clock::now() + options_.progress_timeout);
    MutexLock lock(&mutex_);
    const bool stalled = waiting_ > 0 && granted_ > received_ && next_.first < identity_.num_steps &&
                         Clock::now() >= last_answer_ + options_.progress_timeout;
    if (stalled) call->Cancel(absl::UnavailableError("the stream stopped"));
  }
  MutexLock lock(&mutex_);
  stream_ = nullptr;
  return *end;
}

bool Source::SleepUnlessClosed(std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  MutexLock lock(&mutex_);
  while (!closed_ && Clock::now() < until) changed_.WaitUntil(&mutex_, until);
  return !closed_;
}

void Source::Drive() {
  const std::set<std::string> all(options_.servers.begin(), options_.servers.end());
  std::set<std::string> lacking;  // servers that do not know the job's planner version
  bool registered_here = false;
  while (true) {
    absl::Status status;
    const std::shared_ptr<grpc::Channel> channel = servers_.channel();
    if (!registered_here) {
      status = Register(channel);
      registered_here = status.ok();
      if (status.ok()) {
        servers_.Answered();
        lacking.clear();
      }
    }
    if (status.ok()) {
      {
        MutexLock lock(&mutex_);
        // Nothing to stream before the first call, and after the last part.
        while (!closed_ && good_channel_ != nullptr && !start_.has_value() &&
               (!streaming_wanted_ || next_.first >= identity_.num_steps)) {
          changed_.Wait(&mutex_);
        }
        if (closed_) return;
        if (good_channel_ == nullptr) status = last_error_;  // a call beside the stream found it out
      }
      if (status.ok()) {
        status = RunStream(channel);
        if (status.ok() || absl::IsAborted(status)) continue;
      }
    }
    // While servers are upgraded one by one, some know the version and others do not.
    if (absl::IsUnimplemented(status)) lacking.insert(servers_.current());
    const bool is_final = absl::IsUnimplemented(status) ? lacking == all : IsFinal(status);
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      good_channel_ = nullptr;
      last_error_ = status;
      if (is_final) final_ = status;
      changed_.SignalAll();
    }
    if (is_final) return;
    Tell(absl::StrCat(servers_.current(), ": ", status.message()));
    registered_here = false;
    // A server that has forgotten the job has only been restarted.
    if (absl::IsNotFound(status)) {
      const absl::Status again = Register(channel);
      registered_here = again.ok();
      if (again.ok()) continue;
    }
    if (!SleepUnlessClosed(servers_.Failed())) return;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcPlanSource>> ConnectPlanSource(GrpcPlanSourceOptions options) {
  if (options.servers.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "no server is named", "", "Pass --server host:port.");
  }
  for (const std::string& server : options.servers) {
    GROUTER_RETURN_IF_ERROR(MakeChannelCredentials(options.credentials, server).status());
  }
  auto source = std::make_unique<Source>(std::move(options));
  GROUTER_RETURN_IF_ERROR(source->Connect());
  return std::unique_ptr<GrpcPlanSource>(std::move(source));
}

}  // namespace grouter
