#include "server/replay/replay_store.h"

#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "io/error.h"
#include "routing/table/manifest.h"

namespace grouter {
namespace {

constexpr char kUnsealed[] = ".unsealed";
constexpr char kSealedAt[] = "sealed, unix ms: ";

}  // namespace

std::string ReplayStore::TableName(const ReplayKey& key) {
  return JoinPath(JoinPath(kFolder, key.series), absl::StrCat(key.batch));
}

absl::Status ReplayStore::NotSealed(const ReplayKey& key) {
  return Error(absl::StatusCode::kNotFound, absl::StrCat("batch ", key.batch, " is not sealed here"),
               absl::StrCat("series ", key.series));
}

ReplayStore::Claim::~Claim() { store_->Release(*this); }

ReplayStore::ReplayStore(ReplayStoreOptions options, ArtefactRegistry* artefacts, FileSystem& files)
    : options_(std::move(options)), artefacts_(artefacts), files_(files) {}

std::string ReplayStore::FolderOf(const ReplayKey& key) const {
  return JoinPath(JoinPath(options_.folder, key.series), absl::StrCat(key.batch));
}

std::string ReplayStore::SealedLine() const { return absl::StrCat(kSealedAt, options_.unix_ms()); }

absl::Status ReplayStore::Adopt(const ReplayKey& key, const std::string& folder) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const RoutingTable> table,
                           RoutingTable::Open(folder, files_));
  SealedBatch batch{key, table->content_digest(), table->stored_bytes(), 0};
  for (absl::string_view line : table->provenance()) {
    if (absl::ConsumePrefix(&line, kSealedAt)) (void)absl::SimpleAtoi(line, &batch.sealed_unix_ms);
  }
  batches_[key] = batch;
  return absl::OkStatus();
}

absl::Status ReplayStore::Open() {
  MutexLock lock(&mutex_);
  if (!files_.Exists(options_.folder)) return absl::OkStatus();
  GROUTER_RETURN_IF_ERROR(files_.RemoveTree(JoinPath(options_.folder, kUnsealed)));
  GROUTER_ASSIGN_OR_RETURN(const std::vector<std::string> series, files_.List(options_.folder));
  for (const std::string& name : series) {
    const absl::StatusOr<std::vector<std::string>> numbers = files_.List(JoinPath(options_.folder, name));
    if (!numbers.ok() || !CheckSeriesName(name).ok()) continue;
    for (const std::string& number : *numbers) {
      ReplayKey key{name, 0};
      // A folder that is no batch, or a damaged one, is left as it is: it is not ours to remove.
      if (!absl::SimpleAtoi(number, &key.batch) || absl::StrCat(key.batch) != number) continue;
      (void)Adopt(key, FolderOf(key));
    }
  }
  return absl::OkStatus();
}

std::vector<KeptBatch> ReplayStore::Kept() const {
  std::set<Digest> used;
  for (const TableRecord& record : artefacts_->ListTables()) {
    if (record.pinned || record.num_users > 0) used.insert(record.digest);
  }
  std::vector<KeptBatch> kept;
  for (const auto& [key, batch] : batches_) {
    kept.push_back({key, batch.stored_bytes, batch.sealed_unix_ms, used.count(batch.table) > 0});
  }
  return kept;
}

absl::StatusOr<std::unique_ptr<ReplayStore::Claim>> ReplayStore::Begin(const ReplayKey& key, uint64_t bytes) {
  GROUTER_RETURN_IF_ERROR(CheckSeriesName(key.series));
  MutexLock lock(&mutex_);
  if (num_open_ >= options_.max_open_batches) {
    return Error(absl::StatusCode::kResourceExhausted, absl::StrCat(num_open_, " batches are being ingested"),
                 "replay.max_open_batches");
  }
  std::vector<KeptBatch> kept = Kept();
  // Sending a sealed batch again replaces nothing, so that it needs no room.
  if (batches_.count(key) == 0) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<ReplayKey> evictions,
                             ChooseEvictions(kept, options_.quota, key, bytes, open_bytes_));
    for (const ReplayKey& evicted : evictions) {
      GROUTER_RETURN_IF_ERROR(artefacts_->RemoveTable(batches_.at(evicted).table, FolderOf(evicted)));
      batches_.erase(evicted);
      ++num_evicted_;
    }
  }
  const std::string folder = JoinPath(JoinPath(options_.folder, kUnsealed),
                                      absl::StrCat(key.series, ".", key.batch, ".", num_claims_++));
  GROUTER_RETURN_IF_ERROR(files_.MakeFolders(folder));
  open_bytes_ += bytes;
  ++num_open_;
  return std::unique_ptr<Claim>(new Claim(this, key, folder, bytes));
}

void ReplayStore::Release(const Claim& claim) {
  {
    MutexLock lock(&mutex_);
    open_bytes_ -= claim.bytes_;
    --num_open_;
  }
  (void)files_.RemoveTree(claim.folder_);
}

absl::StatusOr<SealOutcome> ReplayStore::Seal(std::unique_ptr<Claim> claim) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const RoutingTable> table,
                           RoutingTable::Open(claim->folder(), files_));
  const ReplayKey& key = claim->key();
  MutexLock lock(&mutex_);
  if (const auto it = batches_.find(key); it != batches_.end()) {
    if (it->second.table == table->content_digest()) return SealOutcome{it->second, true};
    return Error(absl::StatusCode::kAlreadyExists,
                 absl::StrCat("batch ", key.batch, " is sealed with other routes, table ",
                              it->second.table.ShortHex()),
                 absl::StrCat("series ", key.series), "Give the new routes a number of their own.");
  }
  const std::string folder = FolderOf(key);
  const std::string series_folder = JoinPath(options_.folder, key.series);
  GROUTER_RETURN_IF_ERROR(files_.MakeFolders(series_folder));
  GROUTER_RETURN_IF_ERROR(files_.Rename(claim->folder(), folder));
  GROUTER_RETURN_IF_ERROR(files_.SyncFolder(series_folder));
  GROUTER_RETURN_IF_ERROR(Adopt(key, folder));
  return SealOutcome{batches_.at(key), false};
}

absl::StatusOr<std::shared_ptr<const RoutingTable>> ReplayStore::Find(const ReplayKey& key) {
  Digest digest;
  {
    MutexLock lock(&mutex_);
    const auto it = batches_.find(key);
    if (it == batches_.end()) return NotSealed(key);
    digest = it->second.table;
  }
  return artefacts_->Table(digest);
}

std::vector<SealedBatch> ReplayStore::List(const std::string& series) const {
  MutexLock lock(&mutex_);
  std::vector<SealedBatch> batches;
  for (const auto& [key, batch] : batches_) {
    if (series.empty() || key.series == series) batches.push_back(batch);
  }
  return batches;
}

absl::Status ReplayStore::Drop(const ReplayKey& key) {
  MutexLock lock(&mutex_);
  const auto it = batches_.find(key);
  if (it == batches_.end()) return NotSealed(key);
  GROUTER_RETURN_IF_ERROR(artefacts_->RemoveTable(it->second.table, FolderOf(key)));
  batches_.erase(it);
  return absl::OkStatus();
}

}  // namespace grouter
