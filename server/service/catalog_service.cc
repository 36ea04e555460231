#include "server/service/catalog_service.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "proto/codec.h"
#include "routing/planning/placement/place_experts.h"
#include "server/registry/checked_table.h"
#include "server/service/drain.h"
#include "server/service/periodic_stream.h"
#include "server/service/unary.h"

namespace grouter {
namespace {

constexpr size_t kMinPrefix = 8;
constexpr size_t kMaxLabel = 64;
constexpr std::chrono::milliseconds kSearchInterval(500);

absl::Status CheckLabel(const std::string& label) {
  bool printable = label.size() <= kMaxLabel;
  for (const char c : label) printable = printable && c >= 0x20 && c < 0x7F;
  if (printable) return absl::OkStatus();
  return BadRequest({{"label", "must be at most 64 printable ASCII characters"}});
}

v1::TableInfo InfoOf(const TableRecord& record) {
  v1::TableInfo info;
  if (record.value != nullptr) info = ToWire(*record.value);
  info.set_digest(record.digest.Hex());
  info.set_path(record.artefact.relative);
  info.set_pinned(record.pinned);
  info.set_open(record.value != nullptr);
  info.set_num_users(static_cast<uint32_t>(record.num_users));
  info.set_damage(record.damage);
  return info;
}

v1::ScheduleInfo InfoOf(const ScheduleRecord& record) {
  v1::ScheduleInfo info;
  info.set_digest(record.digest.Hex());
  info.set_path(record.artefact.relative);
  info.set_pinned(record.pinned);
  info.set_num_users(static_cast<uint32_t>(record.num_users));
  if (record.value == nullptr) return info;
  info.set_draft_digest(record.value->draft.Hex());
  info.set_num_placement_epochs(static_cast<uint32_t>(record.value->epochs.size()));
  uint64_t moves = 0;
  for (const PlacementEpoch& epoch : record.value->epochs) moves += epoch.moves.size();
  info.set_num_moves(moves);
  info.set_predicted_step_ns(record.value->predicted_step_ns);
  info.set_contiguous_step_ns(record.value->contiguous_step_ns);
  return info;
}

// Those of the records for which the caller has `right`.
template <typename Record>
std::vector<Record> Visible(std::vector<Record> records, const Caller& caller, Right right) {
  std::vector<Record> visible;
  for (Record& record : records) {
    if (caller.Allows(right, record.artefact.relative)) visible.push_back(std::move(record));
  }
  return visible;
}

// The one of the records whose digest begins with `prefix`.
template <typename Record>
absl::StatusOr<Digest> Match(const std::vector<Record>& records, const std::string& prefix,
                             const char* noun) {
  absl::StatusOr<Digest> found = Error(absl::StatusCode::kNotFound,
                                       absl::StrCat("no ", noun, " with this digest"), prefix.substr(0, 64));
  if (prefix.size() < kMinPrefix) return found;
  for (const Record& record : records) {
    if (!absl::StartsWith(record.digest.Hex(), prefix)) continue;
    if (found.ok()) return Error(absl::StatusCode::kNotFound, absl::StrCat("more than one ", noun), prefix);
    found = record.digest;
  }
  return found;
}

std::chrono::milliseconds DrainTime(v1::UnloadMode mode, uint32_t deadline_ms) {
  return std::chrono::milliseconds(mode == v1::UNLOAD_MODE_DRAIN ? deadline_ms : 0);
}

std::function<void(const absl::Status&)> AuditAtEnd(const char* method, const Caller& caller,
                                                    const std::string& target) {
  return [method, caller, target](const absl::Status& outcome) {
    Audit(method, caller.principal, caller.trace_id, target, outcome);
  };
}

// One PlanPlacement call: the search runs on a worker, the stream asks how far it is.
struct Search {
  const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  Mutex mutex;
  absl::optional<absl::StatusOr<PlacementSchedule>> outcome ABSL_GUARDED_BY(mutex);
};

}  // namespace

absl::StatusOr<v1::TableInfo> CatalogServiceImpl::DescribeOne(const Digest& table) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const RoutingTable> open, artefacts_->Table(table));
  for (const TableRecord& record : artefacts_->ListTables()) {
    if (record.digest == table) return InfoOf(record);
  }
  return Error(absl::StatusCode::kNotFound, "the table went away", table.ShortHex());
}

absl::StatusOr<v1::ScheduleInfo> CatalogServiceImpl::DescribeSchedule(const Digest& schedule) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const PlacementSchedule> open,
                           artefacts_->Schedule(schedule));
  for (const ScheduleRecord& record : artefacts_->ListSchedules()) {
    if (record.digest == schedule) return InfoOf(record);
  }
  return Error(absl::StatusCode::kNotFound, "the placement schedule went away", schedule.ShortHex());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListTables(grpc::CallbackServerContext* context,
                                                         const v1::ListTablesRequest*,
                                                         v1::ListTablesResponse* response) {
  const auto list = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate_->Admit(*context, Right::kRead, "ListTables"));
    for (const TableRecord& record : Visible(artefacts_->ListTables(), caller, Right::kRead)) {
      // Opening reads headers only; a listing says more than digests.
      TableRecord shown = record;
      if (shown.value == nullptr && shown.damage.empty()) {
        shown.value = artefacts_->Table(record.digest).value_or(nullptr);
      }
      v1::TableInfo info = InfoOf(shown);
      info.set_open(record.value != nullptr);
      *response->add_tables() = std::move(info);
    }
    return absl::OkStatus();
  };
  return Finish(context, list());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DescribeTable(grpc::CallbackServerContext* context,
                                                            const v1::DescribeTableRequest* request,
                                                            v1::DescribeTableResponse* response) {
  const auto describe = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate_->Admit(*context, Right::kRead, "DescribeTable"));
    GROUTER_ASSIGN_OR_RETURN(
        const Digest digest,
        Match(Visible(artefacts_->ListTables(), caller, Right::kRead), request->digest(), "table"));
    GROUTER_ASSIGN_OR_RETURN(*response->mutable_table(), DescribeOne(digest));
    return absl::OkStatus();
  };
  return Finish(context, describe());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::LoadTable(grpc::CallbackServerContext* context,
                                                        const v1::LoadTableRequest* request,
                                                        v1::LoadTableResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kAdmin, "LoadTable");
  if (!caller.ok()) return Finish(context, caller.status());
  const auto load = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(
        const Digest digest,
        Match(Visible(artefacts_->ListTables(), *caller, Right::kAdmin), request->digest(), "table"));
    GROUTER_RETURN_IF_ERROR(artefacts_->PinTable(digest));
    GROUTER_ASSIGN_OR_RETURN(*response->mutable_table(), DescribeOne(digest));
    return absl::OkStatus();
  };
  const absl::Status loaded = load();
  Audit("LoadTable", caller->principal, caller->trace_id, request->digest(), loaded);
  return Finish(context, loaded);
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UnloadTable(grpc::CallbackServerContext* context,
                                                          const v1::UnloadTableRequest* request,
                                                          v1::UnloadTableResponse*) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kAdmin, "UnloadTable");
  if (!caller.ok()) return Finish(context, caller.status());
  return new DrainReactor(
      watches_->timer(), DrainTime(request->mode(), request->drain_deadline_ms()),
      [this, caller = *caller, hex = request->digest()]() -> absl::Status {
        GROUTER_ASSIGN_OR_RETURN(
            const Digest digest,
            Match(Visible(artefacts_->ListTables(), caller, Right::kAdmin), hex, "table"));
        return artefacts_->UnpinTable(digest);
      },
      AuditAtEnd("UnloadTable", *caller, request->digest()));
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListSchedules(grpc::CallbackServerContext* context,
                                                            const v1::ListSchedulesRequest*,
                                                            v1::ListSchedulesResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kRead, "ListSchedules");
  if (!caller.ok()) return Finish(context, caller.status());
  for (ScheduleRecord& record : Visible(artefacts_->ListSchedules(), *caller, Right::kRead)) {
    if (record.value == nullptr) record.value = artefacts_->Schedule(record.digest).value_or(nullptr);
    *response->add_schedules() = InfoOf(record);
  }
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DescribeSchedule(grpc::CallbackServerContext* context,
                                                               const v1::DescribeScheduleRequest* request,
                                                               v1::DescribeScheduleResponse* response) {
  const auto describe = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate_->Admit(*context, Right::kRead, "DescribeSchedule"));
    GROUTER_ASSIGN_OR_RETURN(const Digest digest,
                             Match(Visible(artefacts_->ListSchedules(), caller, Right::kRead),
                                   request->digest(), "placement schedule"));
    GROUTER_ASSIGN_OR_RETURN(*response->mutable_schedule(), DescribeSchedule(digest));
    return absl::OkStatus();
  };
  return Finish(context, describe());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::LoadSchedule(grpc::CallbackServerContext* context,
                                                           const v1::LoadScheduleRequest* request,
                                                           v1::LoadScheduleResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kAdmin, "LoadSchedule");
  if (!caller.ok()) return Finish(context, caller.status());
  const auto load = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Digest digest,
                             Match(Visible(artefacts_->ListSchedules(), *caller, Right::kAdmin),
                                   request->digest(), "placement schedule"));
    GROUTER_RETURN_IF_ERROR(artefacts_->PinSchedule(digest));
    GROUTER_ASSIGN_OR_RETURN(*response->mutable_schedule(), DescribeSchedule(digest));
    return absl::OkStatus();
  };
  const absl::Status loaded = load();
  Audit("LoadSchedule", caller->principal, caller->trace_id, request->digest(), loaded);
  return Finish(context, loaded);
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UnloadSchedule(grpc::CallbackServerContext* context,
                                                             const v1::UnloadScheduleRequest* request,
                                                             v1::UnloadScheduleResponse*) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kAdmin, "UnloadSchedule");
  if (!caller.ok()) return Finish(context, caller.status());
  return new DrainReactor(
      watches_->timer(), DrainTime(request->mode(), request->drain_deadline_ms()),
      [this, caller = *caller, hex = request->digest()]() -> absl::Status {
        GROUTER_ASSIGN_OR_RETURN(
            const Digest digest,
            Match(Visible(artefacts_->ListSchedules(), caller, Right::kAdmin), hex, "placement schedule"));
        return artefacts_->UnpinSchedule(digest);
      },
      AuditAtEnd("UnloadSchedule", *caller, request->digest()));
}

absl::Status CatalogServiceImpl::CheckTables(const Caller& caller, const JobDraft& draft) {
  for (const TableUse& use : draft.tables) {
    const std::string name = artefacts_->TableName(use.table);
    if (name.empty() || !caller.Allows(Right::kRegister, name))
      return ArtefactRegistry::NoSuchTable(use.table);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::RegisterJobResponse> CatalogServiceImpl::Register(const Caller& caller,
                                                                     const v1::RegisterJobRequest& request) {
  GROUTER_RETURN_IF_ERROR(RefuseUnknownFields(request.spec(), "spec"));
  GROUTER_RETURN_IF_ERROR(CheckLabel(request.label()));
  GROUTER_ASSIGN_OR_RETURN(const JobSpec spec, FromWire(request.spec(), "spec"));
  const Digest digest = spec.digest();
  if (!request.expected_digest().empty() && request.expected_digest() != digest.Hex()) {
    return BadRequest({{"expected_digest", "differs from the job's, " + digest.Hex()}});
  }
  GROUTER_RETURN_IF_ERROR(CheckTables(caller, spec.draft));
  GROUTER_ASSIGN_OR_RETURN(const Registration registration, jobs_->Register(spec, request.label()));
  v1::RegisterJobResponse response;
  response.set_job_digest(digest.Hex());
  response.set_num_steps(registration.job->planner->num_steps());
  response.set_world_size(registration.job->world_size());
  response.set_num_micro_batches(registration.job->num_micro_batches());
  response.set_already_registered(registration.already_registered);
  return response;
}

grpc::ServerUnaryReactor* CatalogServiceImpl::RegisterJob(grpc::CallbackServerContext* context,
                                                          const v1::RegisterJobRequest* request,
                                                          v1::RegisterJobResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kRegister, "RegisterJob");
  if (!caller.ok()) return Finish(context, caller.status());
  return Answer(context, Register(*caller, *request), response);
}

v1::JobInfo CatalogServiceImpl::Describe(const Job& job) const {
  v1::JobInfo info;
  info.set_digest(job.digest.Hex());
  info.set_label(job.label);
  info.set_num_steps(job.planner->num_steps());
  info.set_world_size(job.world_size());
  info.set_ep_size(job.spec().draft.ep_size);
  info.set_generation(job.generation);
  info.set_newest_digest(jobs_->Newest(job.digest).Hex());
  bool causal = true;
  for (const auto& table : job.tables) causal = causal && table->header().causality == Causality::kCausal;
  info.set_causal(causal);
  info.set_num_streams(static_cast<uint32_t>(job.workers.size()));
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  info.set_idle_seconds((now - job.last_used_ns) * 1e-9);
  return info;
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListJobs(grpc::CallbackServerContext* context,
                                                       const v1::ListJobsRequest*,
                                                       v1::ListJobsResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kRead, "ListJobs");
  if (!caller.ok()) return Finish(context, caller.status());
  for (const auto& job : jobs_->List()) {
    if (jobs_->MayUse(*job, caller->May(Right::kRead))) *response->add_jobs() = Describe(*job);
  }
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DescribeJob(grpc::CallbackServerContext* context,
                                                          const v1::DescribeJobRequest* request,
                                                          v1::DescribeJobResponse* response) {
  const auto describe = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate_->Admit(*context, Right::kRead, "DescribeJob"));
    GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                             jobs_->Find(request->digest(), caller.May(Right::kRead)));
    *response->mutable_job() = Describe(*job);
    *response->mutable_job()->mutable_spec() = ToWire(job->spec());
    return absl::OkStatus();
  };
  return Finish(context, describe());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ForgetJob(grpc::CallbackServerContext* context,
                                                        const v1::ForgetJobRequest* request,
                                                        v1::ForgetJobResponse*) {
  const absl::StatusOr<Caller> caller = gate_->Admit(*context, Right::kAdmin, "ForgetJob");
  if (!caller.ok()) return Finish(context, caller.status());
  const bool drain = request->mode() == v1::UNLOAD_MODE_DRAIN;
  return new DrainReactor(
      watches_->timer(), DrainTime(request->mode(), request->drain_deadline_ms()),
      [this, drain, caller = *caller, hex = request->digest()]() -> absl::Status {
        GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, jobs_->Find(hex, caller.May(Right::kAdmin)));
        if (drain) job->draining = true;
        const absl::Status forgotten = jobs_->Forget(job->digest, drain);
        if (forgotten.ok()) cache_->Forget(job->digest);
        return forgotten;
      },
      AuditAtEnd("ForgetJob", *caller, request->digest()));
}

grpc::ServerWriteReactor<v1::PlanPlacementResponse>* CatalogServiceImpl::PlanPlacement(
    grpc::CallbackServerContext* context, const v1::PlanPlacementRequest* request) {
  using Stream = PeriodicStream<v1::PlanPlacementResponse>;
  const std::shared_ptr<void> permit = watches_->TryOpen();
  const auto search = std::make_shared<Search>();
  const auto begin = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate_->Admit(*context, Right::kRegister, "PlanPlacement"));
    if (permit == nullptr) return Error(absl::StatusCode::kResourceExhausted, "too many calls are open");
    GROUTER_RETURN_IF_ERROR(RefuseUnknownFields(request->draft(), "draft"));
    GROUTER_ASSIGN_OR_RETURN(const JobDraft draft, FromWire(request->draft(), "draft"));
    GROUTER_RETURN_IF_ERROR(draft.Validate());
    GROUTER_RETURN_IF_ERROR(CheckTables(caller, draft));
    PlaceOptions options;
    if (request->iterations() > 0) options.iterations = request->iterations();
    if (request->load_cap() != 0) options.load_cap = request->load_cap();
    if (!(options.load_cap >= 1)) return BadRequest({{"load_cap", "must be at least 1"}});
    std::vector<std::shared_ptr<const RoutingTable>> tables;
    for (const TableUse& use : draft.tables) {
      GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const RoutingTable> table, artefacts_->Table(use.table));
      tables.push_back(MakeCheckedTable(std::move(table), [](const absl::Status&) {}));
    }
    const bool queued = searches_->Run([search, draft, options, tables] {
      absl::StatusOr<PlacementSchedule> schedule = PlaceExperts(draft, tables, options);
      MutexLock lock(&search->mutex);
      search->outcome = std::move(schedule);
    });
    return queued ? absl::OkStatus() : Error(absl::StatusCode::kUnavailable, "the server is stopping");
  };
  const absl::Status refused = begin();
  if (!refused.ok())
    return new Stream(watches_->timer(), kSearchInterval, [refused] {
      return Stream::Turn{absl::nullopt, refused};
    });
  return new Stream(watches_->timer(), kSearchInterval, [permit, search, this]() -> Stream::Turn {
    Stream::Turn turn;
    turn.message.emplace();
    turn.message->set_elapsed_ms((std::chrono::steady_clock::now() - search->begun) /
                                 std::chrono::milliseconds(1));
    MutexLock lock(&search->mutex);
    if (watches_->draining) turn.end = absl::UnavailableError("the server is draining");
    if (!search->outcome.has_value()) return turn;
    turn.end = search->outcome->status();
    if (!turn.end->ok()) return turn;
    const PlacementSchedule& schedule = **search->outcome;
    turn.end = artefacts_->StoreSchedule(schedule);
    if (!turn.end->ok()) return turn;
    absl::StatusOr<v1::ScheduleInfo> info = DescribeSchedule(schedule.digest());
    if (info.ok()) *turn.message->mutable_schedule() = *info;
    turn.end = info.status();
    return turn;
  });
}

}  // namespace grouter
