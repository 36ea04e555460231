#include "server/registry/job_registry.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "server/registry/checked_table.h"

namespace grouter {
namespace {

constexpr size_t kMinPrefix = 8;
constexpr uint32_t kMaxGenerations = 1 << 16;

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

absl::Status NoSuchJob(const std::string& digest) {
  return Error(absl::StatusCode::kNotFound, "no job with this digest is registered here",
               digest.substr(0, 64), "Register it with RegisterJob.");
}

}  // namespace

JobRegistry::JobRegistry(JobRegistryOptions options, ArtefactRegistry* artefacts)
    : options_(options), max_planner_version_(options.max_planner_version), artefacts_(artefacts) {}

absl::StatusOr<Registration> JobRegistry::Register(const JobSpec& spec, const std::string& label) {
  const Digest digest = spec.digest();
  {
    MutexLock lock(&mutex_);
    const auto it = jobs_.find(digest);
    if (it != jobs_.end()) {
      it->second->last_used_ns = NowNs();
      return Registration{it->second, true};
    }
  }
  // One that this library lacks is refused by the planner.
  if (HasPlannerVersion(spec.draft.planner_version) && spec.draft.planner_version > max_planner_version_) {
    return Error(absl::StatusCode::kUnimplemented,
                 absl::StrCat("planner version ", spec.draft.planner_version, " is held back here until ",
                              "max_planner_version, ", max_planner_version_.load(), " now, is raised"),
                 "job " + digest.ShortHex(), "Ask another server, or let the job name an older version.");
  }
  auto job = std::make_shared<Job>();
  job->digest = digest;
  job->label = label;
  for (const TableUse& use : spec.draft.tables) {
    GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const RoutingTable> table, artefacts_->Table(use.table));
    job->tables.push_back(
        MakeCheckedTable(std::move(table), [artefacts = artefacts_, digest = use.table](const absl::Status&) {
          artefacts->MarkDamaged(digest, "a block of the table does not match its checksum");
        }));
  }
  GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const PlacementSchedule> schedule,
                           artefacts_->Schedule(spec.schedule));
  GROUTER_ASSIGN_OR_RETURN(job->planner, BatchPlanner::Create(spec, job->tables, std::move(schedule)));
  job->last_used_ns = NowNs();

  MutexLock lock(&mutex_);
  const auto it = jobs_.find(digest);
  if (it != jobs_.end()) return Registration{it->second, true};
  GROUTER_RETURN_IF_ERROR(MakeRoom());
  if (spec.draft.continues.has_value()) {
    const Digest& before = spec.draft.continues->job;
    continued_by_[before] = digest;
    const auto previous = jobs_.find(before);
    job->generation = previous == jobs_.end() ? 1 : previous->second->generation + 1;
  }
  jobs_[digest] = job;
  return Registration{std::move(job), false};
}

absl::StatusOr<std::shared_ptr<Job>> JobRegistry::Find(const Digest& digest) { return Find(digest.Hex()); }

absl::StatusOr<std::shared_ptr<Job>> JobRegistry::Find(const std::string& digest_hex,
                                                       const TableFilter& may_use) {
  std::shared_ptr<Job> job = Named(digest_hex);
  if (job == nullptr || !MayUse(*job, may_use)) return NoSuchJob(digest_hex);
  GROUTER_RETURN_IF_ERROR(CheckTables(*job));
  job->last_used_ns = NowNs();
  return job;
}

std::shared_ptr<Job> JobRegistry::Named(const std::string& digest_hex) const {
  if (digest_hex.size() < kMinPrefix) return nullptr;
  const absl::StatusOr<Digest> whole = Digest::FromHex(digest_hex);
  MutexLock lock(&mutex_);
  if (whole.ok()) {
    const auto it = jobs_.find(*whole);
    return it == jobs_.end() ? nullptr : it->second;
  }
  std::shared_ptr<Job> found;
  for (const auto& [digest, job] : jobs_) {
    if (!absl::StartsWith(digest.Hex(), digest_hex)) continue;
    if (found != nullptr) return nullptr;
    found = job;
  }
  return found;
}

bool JobRegistry::MayUse(const Job& job, const TableFilter& may_use) const {
  if (may_use == nullptr) return true;
  for (const auto& table : job.tables) {
    if (!may_use(artefacts_->TableName(table->content_digest()))) return false;
  }
  return true;
}

absl::Status JobRegistry::CheckTables(const Job& job) const {
  for (const auto& table : job.tables) {
    const std::string damage = artefacts_->DamageOf(table->content_digest());
    if (damage.empty()) continue;
    return Error(absl::StatusCode::kDataLoss, damage, "table " + table->content_digest().ShortHex(),
                 "Ask another server; restore the file here.");
  }
  return absl::OkStatus();
}

Digest JobRegistry::Newest(const Digest& digest) const {
  MutexLock lock(&mutex_);
  Digest newest = digest;
  for (uint32_t i = 0; i < kMaxGenerations; ++i) {
    const auto it = continued_by_.find(newest);
    if (it == continued_by_.end()) break;
    newest = it->second;
  }
  return newest;
}

std::vector<std::shared_ptr<Job>> JobRegistry::List() const {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Job>> jobs;
  for (const auto& [digest, job] : jobs_) jobs.push_back(job);
  return jobs;
}

bool JobRegistry::InUse(const Job& job) const {
  const int64_t idle_ns = NowNs() - job.last_used_ns;
  return job.workers.size() > 0 || idle_ns < std::chrono::nanoseconds(options_.job_ttl).count();
}

absl::Status JobRegistry::Forget(const Digest& digest, bool force) {
  MutexLock lock(&mutex_);
  const auto it = jobs_.find(digest);
  if (it == jobs_.end()) return NoSuchJob(digest.Hex());
  if (it->second->workers.size() > 0 || (!force && InUse(*it->second))) {
    return Error(absl::StatusCode::kFailedPrecondition, "the job is in use", digest.ShortHex(),
                 "End its workers, or forget it with DRAIN.");
  }
  jobs_.erase(it);
  return absl::OkStatus();
}

absl::Status JobRegistry::MakeRoom() {
  while (jobs_.size() >= options_.max_jobs) {
    auto oldest = jobs_.end();
    for (auto it = jobs_.begin(); it != jobs_.end(); ++it) {
      if (InUse(*it->second)) continue;
      if (oldest == jobs_.end() || it->second->last_used_ns < oldest->second->last_used_ns) oldest = it;
    }
    if (oldest == jobs_.end()) {
      return Error(absl::StatusCode::kResourceExhausted, "too many jobs are in use",
                   absl::StrCat(options_.max_jobs, " jobs"), "Forget one, or raise limits.max_jobs.");
    }
    jobs_.erase(oldest);
  }
  return absl::OkStatus();
}

}  // namespace grouter
