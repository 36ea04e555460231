// Tables and placement schedules by digest, opened on first use. An artefact stays open while someone holds
// it or while it is pinned. Thread-safe.
#ifndef GROUTER_SERVER_REGISTRY_ARTEFACT_REGISTRY_H_
#define GROUTER_SERVER_REGISTRY_ARTEFACT_REGISTRY_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/mutex.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"
#include "server/registry/mapping_guard.h"
#include "server/registry/roots.h"

namespace grouter {

// One artefact as it is listed. `value` is null while nobody has it open.
template <typename T>
struct ArtefactRecord {
  Digest digest;
  Artefact artefact;
  std::shared_ptr<const T> value;
  bool pinned = false;
  long num_users = 0;
  std::string damage;  // empty: none seen
};

using TableRecord = ArtefactRecord<RoutingTable>;
using ScheduleRecord = ArtefactRecord<PlacementSchedule>;

class ArtefactRegistry {
 public:
  // `roots` are absolute folders. `files` outlives this.
  ArtefactRegistry(std::vector<std::string> roots, FileSystem& files);

  // Both: NOT_FOUND when no root has it (roots are walked again before saying so), DATA_LOSS when damaged.
  absl::StatusOr<std::shared_ptr<const RoutingTable>> Table(const Digest& digest);
  absl::StatusOr<std::shared_ptr<const PlacementSchedule>> Schedule(const Digest& digest);

  // The table's path below its root, which access rules name; empty when no root has it.
  std::string TableName(const Digest& digest);
  // The one answer for a table that is unknown or not for the caller.
  static absl::Status NoSuchTable(const Digest& digest);

  // Walk the roots again.
  std::vector<TableRecord> ListTables();
  std::vector<ScheduleRecord> ListSchedules();

  absl::Status PinTable(const Digest& digest);
  absl::Status PinSchedule(const Digest& digest);
  // Forgets the pin. FAILED_PRECONDITION while someone holds it.
  absl::Status UnpinTable(const Digest& digest);
  absl::Status UnpinSchedule(const Digest& digest);

  // Removes the table in folder `path` from the disk, and forgets it. FAILED_PRECONDITION while it is pinned
  // or someone holds it.
  absl::Status RemoveTable(const Digest& digest, const std::string& path);

  // Marks the open tables one of whose files changed under the server. Returns how many are new.
  int MarkChangedTables();
  // From now on the table answers DATA_LOSS, until it is unpinned and opened again.
  void MarkDamaged(const Digest& table, const std::string& why);
  // Why that table is marked damaged; empty: it is not.
  std::string DamageOf(const Digest& table) const;

  // Stores a schedule as DIGEST.schedule under the first root.
  absl::Status StoreSchedule(const PlacementSchedule& schedule);

  const std::vector<std::string>& roots() const { return roots_; }

 private:
  template <typename T>
  struct Entry {
    Artefact artefact;
    std::weak_ptr<const T> open;
    std::shared_ptr<const T> pinned;
    std::string damage;
  };
  template <typename T>
  using Entries = std::map<Digest, Entry<T>>;

  void Rescan() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename T>
  Entry<T>* Find(Entries<T>* entries, const Digest& digest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename T, typename OpenFn>
  absl::StatusOr<std::shared_ptr<const T>> Get(Entries<T>* entries, const Digest& digest, const char* noun,
                                               const OpenFn& open);
  template <typename T>
  absl::Status Unpin(Entries<T>* entries, const Digest& digest, const char* noun);
  template <typename T>
  std::vector<ArtefactRecord<T>> ListAll(Entries<T>* entries);

  const std::vector<std::string> roots_;
  GuardedFiles files_;
  std::atomic<bool> any_damage_{false};  // a table was marked once
  mutable Mutex mutex_;
  Entries<RoutingTable> tables_ ABSL_GUARDED_BY(mutex_);
  Entries<PlacementSchedule> schedules_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_ARTEFACT_REGISTRY_H_
