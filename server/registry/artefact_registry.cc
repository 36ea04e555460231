#include "server/registry/artefact_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "spdlog/spdlog.h"

namespace grouter {
namespace {

absl::Status NotHere(const char* noun, const Digest& digest) {
  return Error(absl::StatusCode::kNotFound, absl::StrCat("no ", noun, " with this digest"), digest.Hex(),
               "Put it under one of the server's roots.");
}

}  // namespace

ArtefactRegistry::ArtefactRegistry(std::vector<std::string> roots, FileSystem& files)
    : roots_(std::move(roots)), files_(files) {
  InstallMappingGuard();
}

void ArtefactRegistry::Rescan() {
  const RootContents found = ScanRoots(roots_, files_);
  const auto merge = [](const std::map<Digest, Artefact>& seen, auto* entries) {
    for (const auto& [digest, artefact] : seen) (*entries)[digest].artefact = artefact;
    for (auto it = entries->begin(); it != entries->end();) {
      const bool gone = seen.count(it->first) == 0 && it->second.open.expired();
      it = gone ? entries->erase(it) : std::next(it);
    }
  };
  merge(found.tables, &tables_);
  merge(found.schedules, &schedules_);
}

template <typename T>
ArtefactRegistry::Entry<T>* ArtefactRegistry::Find(Entries<T>* entries, const Digest& digest) {
  auto it = entries->find(digest);
  if (it == entries->end()) {
    Rescan();
    it = entries->find(digest);
  }
  return it == entries->end() ? nullptr : &it->second;
}

template <typename T, typename OpenFn>
absl::StatusOr<std::shared_ptr<const T>> ArtefactRegistry::Get(Entries<T>* entries, const Digest& digest,
                                                               const char* noun, const OpenFn& open) {
  MutexLock lock(&mutex_);
  Entry<T>* entry = Find(entries, digest);
  if (entry == nullptr) return NotHere(noun, digest);
  if (!entry->damage.empty()) {
    return Error(absl::StatusCode::kDataLoss, entry->damage, absl::StrCat(noun, " ", digest.ShortHex()),
                 "Ask another server; restore the file here.");
  }
  if (std::shared_ptr<const T> value = entry->open.lock()) return value;
  absl::StatusOr<std::shared_ptr<const T>> value = open(entry->artefact.path);
  if (!value.ok() && value.status().code() == absl::StatusCode::kNotFound) return NotHere(noun, digest);
  if (!value.ok()) {
    // The path stays in this process: an error names what people outside may know.
    return Error(value.status().code(), absl::StrCat("the ", noun, " cannot be opened"),
                 entry->artefact.relative, "Run `grouter table verify` beside the server.");
  }
  entry->open = *value;
  return value;
}

absl::StatusOr<std::shared_ptr<const RoutingTable>> ArtefactRegistry::Table(const Digest& digest) {
  return Get(&tables_, digest, "table",
             [&](const std::string& path) -> absl::StatusOr<std::shared_ptr<const RoutingTable>> {
               GROUTER_ASSIGN_OR_RETURN(std::shared_ptr<const RoutingTable> table,
                                        RoutingTable::Open(path, files_));
               if (table->content_digest() != digest)
                 return Error(absl::StatusCode::kNotFound, "the table was replaced");
               return table;
             });
}

absl::StatusOr<std::shared_ptr<const PlacementSchedule>> ArtefactRegistry::Schedule(const Digest& digest) {
  using Pointer = std::shared_ptr<const PlacementSchedule>;
  return Get(&schedules_, digest, "placement schedule",
             [&](const std::string& path) -> absl::StatusOr<Pointer> {
               GROUTER_ASSIGN_OR_RETURN(const std::string bytes, files_.ReadFile(path));
               if (Sha256(bytes) != digest)
                 return Error(absl::StatusCode::kNotFound, "the schedule was replaced");
               GROUTER_ASSIGN_OR_RETURN(PlacementSchedule schedule, PlacementSchedule::Decode(bytes));
               return Pointer(std::make_shared<const PlacementSchedule>(std::move(schedule)));
             });
}

template <typename T>
std::vector<ArtefactRecord<T>> ArtefactRegistry::ListAll(Entries<T>* entries) {
  MutexLock lock(&mutex_);
  Rescan();
  std::vector<ArtefactRecord<T>> records;
  for (const auto& [digest, entry] : *entries) {
    ArtefactRecord<T> record;
    record.digest = digest;
    record.artefact = entry.artefact;
    record.pinned = entry.pinned != nullptr;
    record.num_users = entry.open.use_count() - (record.pinned ? 1 : 0);
    record.value = entry.open.lock();
    record.damage = entry.damage;
    records.push_back(std::move(record));
  }
  return records;
}

std::vector<TableRecord> ArtefactRegistry::ListTables() { return ListAll(&tables_); }
std::vector<ScheduleRecord> ArtefactRegistry::ListSchedules() { return ListAll(&schedules_); }

std::string ArtefactRegistry::TableName(const Digest& digest) {
  MutexLock lock(&mutex_);
  const Entry<RoutingTable>* entry = Find(&tables_, digest);
  return entry == nullptr ? "" : entry->artefact.relative;
}

absl::Status ArtefactRegistry::NoSuchTable(const Digest& digest) { return NotHere("table", digest); }

absl::Status ArtefactRegistry::PinTable(const Digest& digest) {
  GROUTER_ASSIGN_OR_RETURN(auto table, Table(digest));
  MutexLock lock(&mutex_);
  tables_[digest].pinned = std::move(table);
  return absl::OkStatus();
}

absl::Status ArtefactRegistry::PinSchedule(const Digest& digest) {
  GROUTER_ASSIGN_OR_RETURN(auto schedule, Schedule(digest));
  MutexLock lock(&mutex_);
  schedules_[digest].pinned = std::move(schedule);
  return absl::OkStatus();
}

template <typename T>
absl::Status ArtefactRegistry::Unpin(Entries<T>* entries, const Digest& digest, const char* noun) {
  MutexLock lock(&mutex_);
  Entry<T>* entry = Find(entries, digest);
  if (entry == nullptr) return NotHere(noun, digest);
  const long users = entry->open.use_count() - (entry->pinned != nullptr ? 1 : 0);
  if (users > 0) {
    return Error(absl::StatusCode::kFailedPrecondition, absl::StrCat("the ", noun, " is in use"),
                 digest.ShortHex(), "Forget the jobs that use it, or unload with DRAIN.");
  }
  entry->pinned.reset();
  entry->damage.clear();
  return absl::OkStatus();
}

absl::Status ArtefactRegistry::UnpinTable(const Digest& digest) { return Unpin(&tables_, digest, "table"); }
absl::Status ArtefactRegistry::UnpinSchedule(const Digest& digest) {
  return Unpin(&schedules_, digest, "placement schedule");
}

absl::Status ArtefactRegistry::RemoveTable(const Digest& digest, const std::string& path) {
  MutexLock lock(&mutex_);
  const auto it = tables_.find(digest);
  if (it != tables_.end() && (it->second.pinned != nullptr || !it->second.open.expired())) {
    return Error(absl::StatusCode::kFailedPrecondition, "the table is in use", digest.ShortHex(),
                 "Unload it, or forget the jobs that use it.");
  }
  GROUTER_RETURN_IF_ERROR(files_.RemoveTree(path));
  if (it != tables_.end() && it->second.artefact.path == path) tables_.erase(it);
  return absl::OkStatus();
}

int ArtefactRegistry::MarkChangedTables() {
  const std::vector<DamagedMapping> damaged = FindDamagedMappings();
  if (damaged.empty()) return 0;
  MutexLock lock(&mutex_);
  int marked = 0;
  for (const DamagedMapping& mapping : damaged) {
    for (auto& [digest, entry] : tables_) {
      if (!entry.damage.empty() || mapping.path.rfind(entry.artefact.path + "/", 0) != 0) continue;
      entry.damage = mapping.why;
      any_damage_ = true;
      ++marked;
    }
  }
  return marked;
}

void ArtefactRegistry::MarkDamaged(const Digest& table, const std::string& why) {
  MutexLock lock(&mutex_);
  const auto it = tables_.find(table);
  if (it == tables_.end()) return;
  it->second.damage = why;
  any_damage_ = true;
}

std::string ArtefactRegistry::DamageOf(const Digest& table) const {
  if (!any_damage_) return "";  // no stream waits for who walks the roots or opens a table
  MutexLock lock(&mutex_);
  const auto it = tables_.find(table);
  return it == tables_.end() ? "" : it->second.damage;
}

absl::Status ArtefactRegistry::StoreSchedule(const PlacementSchedule& schedule) {
  if (roots_.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "the server has no root to store under");
  const std::string folder = JoinPath(roots_.front(), "schedules");
  const std::string bytes = schedule.Encode();
  const std::string name = Sha256(bytes).Hex() + kScheduleSuffix;
  absl::Status stored = files_.MakeFolders(folder);
  if (stored.ok()) stored = WriteFileAtomically(files_, JoinPath(folder, name), bytes);
  if (stored.ok()) return stored;
  spdlog::error("event=schedule_not_stored reason=\"{}\"", std::string(stored.message()));
  // The path stays in this process.
  return Error(stored.code(), "the placement schedule cannot be stored", JoinPath("schedules", name),
               "See the server's log; free space under its first root.");
}

}  // namespace grouter
