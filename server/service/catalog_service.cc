#include "server/service/catalog_service.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "proto/codec.h"
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

// The record whose digest begins with `prefix`, if there is exactly one.
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

// One PlanPlacement call: the search runs on a worker, the stream asks how far it is.
struct Search {
  const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  Mutex mutex;
  absl::optional<absl::StatusOr<PlacementSchedule>> outcome ABSL_GUARDED_BY(mutex);
};

}  // namespace

absl::StatusOr<v1::TableInfo> CatalogServiceImpl::FindTable(const std::string& digest) {
  GROUTER_ASSIGN_OR_RETURN(const Digest found, Match(artefacts_->ListTables(), digest, "table"));
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const RoutingTable> open, artefacts_->Table(found));
  for (const TableRecord& record : artefacts_->ListTables()) {
    if (record.digest == found) return InfoOf(record);
  }
  return Error(absl::StatusCode::kNotFound, "the table went away", found.ShortHex());
}

absl::StatusOr<v1::ScheduleInfo> CatalogServiceImpl::FindSchedule(const std::string& digest) {
  GROUTER_ASSIGN_OR_RETURN(const Digest found,
                           Match(artefacts_->ListSchedules(), digest, "placement schedule"));
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const PlacementSchedule> open, artefacts_->Schedule(found));
  for (const ScheduleRecord& record : artefacts_->ListSchedules()) {
    if (record.digest == found) return InfoOf(record);
  }
  return Error(absl::StatusCode::kNotFound, "the placement schedule went away", found.ShortHex());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListTables(grpc::CallbackServerContext* context,
                                                         const v1::ListTablesRequest*,
                                                         v1::ListTablesResponse* response) {
  for (const TableRecord& record : artefacts_->ListTables()) {
    // Opening reads headers only; a listing says more than digests.
    TableRecord shown = record;
    if (shown.value == nullptr && shown.damage.empty()) {
      absl::StatusOr<std::shared_ptr<const RoutingTable>> table = artefacts_->Table(record.digest);
      v1::TableInfo info = InfoOf(record);
      if (table.ok()) {
        shown.value = *table;
        info = InfoOf(shown);
        info.set_open(false);
      }
      *response->add_tables() = std::move(info);
      continue;
    }
    *response->add_tables() = InfoOf(shown);
  }
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DescribeTable(grpc::CallbackServerContext* context,
                                                            const v1::DescribeTableRequest* request,
                                                            v1::DescribeTableResponse* response) {
  absl::StatusOr<v1::TableInfo> info = FindTable(request->digest());
  if (info.ok()) response->mutable_table()->Swap(&*info);
  return Finish(context, info.status());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::LoadTable(grpc::CallbackServerContext* context,
                                                        const v1::LoadTableRequest* request,
                                                        v1::LoadTableResponse* response) {
  const auto load = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Digest digest,
                             Match(artefacts_->ListTables(), request->digest(), "table"));
    GROUTER_RETURN_IF_ERROR(artefacts_->PinTable(digest));
    GROUTER_ASSIGN_OR_RETURN(*response->mutable_table(), FindTable(digest.Hex()));
    return absl::OkStatus();
  };
  return Finish(context, load());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UnloadTable(grpc::CallbackServerContext*,
                                                          const v1::UnloadTableRequest* request,
                                                          v1::UnloadTableResponse*) {
  return new DrainReactor(watches_->timer(), DrainTime(request->mode(), request->drain_deadline_ms()),
                          [this, hex = request->digest()]() -> absl::Status {
                            GROUTER_ASSIGN_OR_RETURN(const Digest digest,
                                                     Match(artefacts_->ListTables(), hex, "table"));
                            return artefacts_->UnpinTable(digest);
                          });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListSchedules(grpc::CallbackServerContext* context,
                                                            const v1::ListSchedulesRequest*,
                                                            v1::ListSchedulesResponse* response) {
  for (ScheduleRecord& record : artefacts_->ListSchedules()) {
    if (record.value == nullptr) record.value = artefacts_->Schedule(record.digest).value_or(nullptr);
    *response->add_schedules() = InfoOf(record);
  }
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DescribeSchedule(grpc::CallbackServerContext* context,
                                                               const v1::DescribeScheduleRequest* request,
                                                               v1::DescribeScheduleResponse* response) {
  absl::StatusOr<v1::ScheduleInfo> info = FindSchedule(request->digest());
  if (info.ok()) response->mutable_schedule()->Swap(&*info);
  return Finish(context, info.status());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::LoadSchedule(grpc::CallbackServerContext* context,
                                                           const v1::LoadScheduleRequest* request,
                                                           v1::LoadScheduleResponse* response) {
  const auto load = [&]() -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(const Digest digest,
                             Match(artefacts_->ListSchedules(), request->digest(), "placement schedule"));
    GROUTER_RETURN_IF_ERROR(artefacts_->PinSchedule(digest));
    GROUTER_ASSIGN_OR_RETURN(*response->mutable_schedule(), FindSchedule(digest.Hex()));
    return absl::OkStatus();
  };
  return Finish(context, load());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UnloadSchedule(grpc::CallbackServerContext*,
                                                             const v1::UnloadScheduleRequest* request,
                                                             v1::UnloadScheduleResponse*) {
  return new DrainReactor(watches_->timer(), DrainTime(request->mode(), request->drain_deadline_ms()),
                          [this, hex = request->digest()]() -> absl::Status {
                            GROUTER_ASSIGN_OR_RETURN(const Digest digest, Match(artefacts_->ListSchedules(),
                                                                                hex, "placement schedule"));
                            return artefacts_->UnpinSchedule(digest);
                          });
}

absl::StatusOr<v1::RegisterJobResponse> CatalogServiceImpl::Register(const v1::RegisterJobRequest& request) {
  GROUTER_RETURN_IF_ERROR(RefuseUnknownFields(request.spec(), "spec"));
  GROUTER_RETURN_IF_ERROR(CheckLabel(request.label()));
  GROUTER_ASSIGN_OR_RETURN(const JobSpec spec, FromWire(request.spec(), "spec"));
  const Digest digest = spec.digest();
  if (!request.expected_digest().empty() && request.expected_digest() != digest.Hex()) {
    return BadRequest({{"expected_digest", "differs from the job's, " + digest.Hex()}});
  }
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
  return Answer(context, Register(*request), response);
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
  for (const auto& job : jobs_->List()) *response->add_jobs() = Describe(*job);
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DescribeJob(grpc::CallbackServerContext* context,
                                                          const v1::DescribeJobRequest* request,
                                                          v1::DescribeJobResponse* response) {
  const absl::StatusOr<std::shared_ptr<Job>> job = jobs_->Find(request->digest());
  if (job.ok()) {
    *response->mutable_job() = Describe(**job);
    *response->mutable_job()->mutable_spec() = ToWire((*job)->spec());
  }
  return Finish(context, job.status());
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ForgetJob(grpc::CallbackServerContext*,
                                                        const v1::ForgetJobRequest* request,
                                                        v1::ForgetJobResponse*) {
  const bool drain = request->mode() == v1::UNLOAD_MODE_DRAIN;
  return new DrainReactor(watches_->timer(), DrainTime(request->mode(), request->drain_deadline_ms()),
                          [this, drain, hex = request->digest()]() -> absl::Status {
                            GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, jobs_->Find(hex));
                            if (drain) job->draining = true;
                            const absl::Status forgotten = jobs_->Forget(job->digest, drain);
                            if (forgotten.ok()) cache_->Forget(job->digest);
                            return forgotten;
                          });
}

grpc::ServerWriteReactor<v1::PlanPlacementResponse>* CatalogServiceImpl::PlanPlacement(
    grpc::CallbackServerContext*, const v1::PlanPlacementRequest* request) {
  using Stream = PeriodicStream<v1::PlanPlacementResponse>;
  const std::shared_ptr<void> permit = watches_->TryOpen();
  const auto search = std::make_shared<Search>();
  const auto begin = [&]() -> absl::Status {
    if (permit == nullptr) return Error(absl::StatusCode::kResourceExhausted, "too many calls are open");
    GROUTER_RETURN_IF_ERROR(RefuseUnknownFields(request->draft(), "draft"));
    GROUTER_ASSIGN_OR_RETURN(const JobDraft draft, FromWire(request->draft(), "draft"));
    GROUTER_RETURN_IF_ERROR(draft.Validate());
    PlaceOptions options;
    if (request->iterations() > 0) options.iterations = request->iterations();
    if (request->load_cap() != 0) options.load_cap = request->load_cap();
    if (!(options.load_cap >= 1)) return BadRequest({{"load_cap", "must be at least 1"}});
    std::vector<std::shared_ptr<const RoutingTable>> tables;
    for (const TableUse& use : draft.tables) {
      GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const RoutingTable> table, artefacts_->Table(use.table));
      tables.push_back(std::move(table));
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
    absl::StatusOr<v1::ScheduleInfo> info = FindSchedule(schedule.digest().Hex());
    if (info.ok()) *turn.message->mutable_schedule() = *info;
    turn.end = info.status();
    return turn;
  });
}

}  // namespace grouter
