// Jobs by digest. Registering is idempotent, content-addressed and never searches. Thread-safe.
#ifndef GROUTER_SERVER_REGISTRY_JOB_REGISTRY_H_
#define GROUTER_SERVER_REGISTRY_JOB_REGISTRY_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/mutex.h"
#include "server/registry/artefact_registry.h"
#include "server/registry/job.h"

namespace grouter {

struct JobRegistryOptions {
  size_t max_jobs = 256;
  std::chrono::seconds job_ttl{600};  // a job touched within it counts as in use
  uint32_t max_planner_version = kPlannerVersion;
};

struct Registration {
  std::shared_ptr<Job> job;
  bool already_registered = false;
};

// Whether a caller may use the table with this path below its root. Empty: every table.
using TableFilter = std::function<bool(absl::string_view table)>;

class JobRegistry {
 public:
  // `artefacts` outlives this.
  JobRegistry(JobRegistryOptions options, ArtefactRegistry* artefacts);

  // The planner's errors (batch_planner.h), NOT_FOUND for a table or schedule no root has,
  // RESOURCE_EXHAUSTED when max_jobs are all in use, UNIMPLEMENTED for a planner version above the limit.
  absl::StatusOr<Registration> Register(const JobSpec& spec, const std::string& label);
  // By the whole digest or by a prefix of at least 8 digits that one job alone has. Touches the job.
  // NOT_FOUND; DATA_LOSS when one of its tables is marked damaged.
  // A job that has a table outside `may_use` is not found, whatever its state.
  absl::StatusOr<std::shared_ptr<Job>> Find(const std::string& digest_hex, const TableFilter& may_use = {});
  absl::StatusOr<std::shared_ptr<Job>> Find(const Digest& digest);
  // Whether `may_use` holds for all of the job's tables.
  bool MayUse(const Job& job, const TableFilter& may_use) const;
  // DATA_LOSS when one of the job's tables is marked damaged.
  absl::Status CheckTables(const Job& job) const;
  // The newest job of the chain that continues `digest`; `digest` itself when there is none.
  Digest Newest(const Digest& digest) const;
  std::vector<std::shared_ptr<Job>> List() const;
  // FAILED_PRECONDITION while workers stream it or it was touched within job_ttl; `force` skips the latter.
  absl::Status Forget(const Digest& digest, bool force);
  // For jobs registered from now on; those that are registered stay.
  void SetMaxPlannerVersion(uint32_t version) { max_planner_version_ = version; }

 private:
  // By digest or by a prefix that one job alone has; null.
  std::shared_ptr<Job> Named(const std::string& digest_hex) const;
  bool InUse(const Job& job) const;
  absl::Status MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const JobRegistryOptions options_;
  std::atomic<uint32_t> max_planner_version_;
  ArtefactRegistry* const artefacts_;
  mutable Mutex mutex_;
  std::map<Digest, std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, Digest> continued_by_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_JOB_REGISTRY_H_
