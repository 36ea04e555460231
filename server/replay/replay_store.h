// The rollout batches that a server keeps: a folder SERIES/BATCH under one of its roots, each a routing
// table. A batch is written apart, in a hidden folder, and appears by rename; then it is a table like any
// other.
#ifndef GROUTER_SERVER_REPLAY_REPLAY_STORE_H_
#define GROUTER_SERVER_REPLAY_REPLAY_STORE_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/mutex.h"
#include "routing/table/routing_table.h"
#include "server/registry/artefact_registry.h"
#include "server/replay/retention.h"

namespace grouter {

struct SealedBatch {
  ReplayKey key;
  Digest table;
  uint64_t stored_bytes = 0;
  int64_t sealed_unix_ms = 0;
};

struct SealOutcome {
  SealedBatch batch;
  bool already_sealed = false;
};

struct ReplayStoreOptions {
  std::string folder;  // below a root of the server
  ReplayQuota quota;
  uint32_t max_open_batches = 8;
  std::function<int64_t()> unix_ms;  // the time that batches are marked with
};

// Thread-safe. Claims must end before the store.
class ReplayStore {
 public:
  static constexpr char kFolder[] = "replay";  // below the first root
  // `artefacts` and `files` outlive this.
  ReplayStore(ReplayStoreOptions options, ArtefactRegistry* artefacts, FileSystem& files);

  // Finds what earlier runs sealed and removes what they left unsealed. Call once, before anything else.
  absl::Status Open();

  // A batch that is being written to `folder`. What was not sealed is removed with it.
  class Claim {
   public:
    ~Claim();
    const ReplayKey& key() const { return key_; }
    const std::string& folder() const { return folder_; }

   private:
    friend class ReplayStore;
    Claim(ReplayStore* store, ReplayKey key, std::string folder, uint64_t bytes)
        : store_(store), key_(std::move(key)), folder_(std::move(folder)), bytes_(bytes) {}
    ReplayStore* const store_;
    const ReplayKey key_;
    const std::string folder_;
    const uint64_t bytes_;
  };
  // Makes room as retention says. `bytes` is about what the batch will take. RESOURCE_EXHAUSTED: the quota,
  // or max_open_batches are open.
  absl::StatusOr<std::unique_ptr<Claim>> Begin(const ReplayKey& key, uint64_t bytes);
  // The table in the claim's folder is complete: it gets its place. ALREADY_EXISTS when the key has other
  // routes.
  absl::StatusOr<SealOutcome> Seal(std::unique_ptr<Claim> claim);

  // The path of the batch's table below its root, which access rules name.
  static std::string TableName(const ReplayKey& key);
  // The one answer for a batch that is not sealed here or not for the caller.
  static absl::Status NotSealed(const ReplayKey& key);
  // NOT_FOUND when it is not sealed here; DATA_LOSS when it is damaged.
  absl::StatusOr<std::shared_ptr<const RoutingTable>> Find(const ReplayKey& key);
  // By key. `series` empty: all.
  std::vector<SealedBatch> List(const std::string& series) const;
  // NOT_FOUND; FAILED_PRECONDITION while in use.
  absl::Status Drop(const ReplayKey& key);
  // "provenance" line that carries the time of sealing: to be in the table's manifest.
  std::string SealedLine() const;
  uint64_t num_evicted() const { return num_evicted_; }
  const ReplayQuota& quota() const { return options_.quota; }

 private:
  void Release(const Claim& claim);
  std::string FolderOf(const ReplayKey& key) const;
  absl::Status Adopt(const ReplayKey& key, const std::string& folder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<KeptBatch> Kept() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ReplayStoreOptions options_;
  ArtefactRegistry* const artefacts_;
  FileSystem& files_;
  mutable Mutex mutex_;
  std::map<ReplayKey, SealedBatch> batches_ ABSL_GUARDED_BY(mutex_);
  uint64_t open_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t num_open_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t num_claims_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<uint64_t> num_evicted_{0};
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REPLAY_REPLAY_STORE_H_
