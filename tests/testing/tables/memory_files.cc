#include "tests/testing/tables/memory_files.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "io/error.h"

namespace grouter {
namespace testing {
namespace {

// Keeps the bytes alive, as a mapping does after an unlink.
class MemoryMapped : public MappedFile {
 public:
  MemoryMapped(const std::string& path, std::shared_ptr<const std::string> bytes)
      : MappedFile(path, *bytes), bytes_(std::move(bytes)) {}

 private:
  const std::shared_ptr<const std::string> bytes_;
};

}  // namespace

class MemoryFiles::Writable : public WritableFile {
 public:
  Writable(MemoryFiles* files, std::shared_ptr<std::string> bytes)
      : files_(files), bytes_(std::move(bytes)) {}
  absl::Status Append(absl::string_view bytes) override {
    GROUTER_RETURN_IF_ERROR(files_->Write(bytes_.get(), size_, bytes));
    size_ += bytes.size();
    return absl::OkStatus();
  }
  absl::Status WriteAt(uint64_t offset, absl::string_view bytes) override {
    return files_->Write(bytes_.get(), offset, bytes);
  }
  absl::Status Sync() override {
    MutexLock lock(&files_->mutex_);
    bool dying = false;
    return files_->Change(&dying);
  }

 private:
  MemoryFiles* const files_;
  const std::shared_ptr<std::string> bytes_;
  uint64_t size_ = 0;
};

std::string MemoryFiles::Get(const std::string& path) {
  MutexLock lock(&mutex_);
  const auto it = files_.find(path);
  return it == files_.end() ? "" : *it->second;
}

void MemoryFiles::Put(const std::string& path, std::string bytes) {
  MutexLock lock(&mutex_);
  files_[path] = std::make_shared<std::string>(std::move(bytes));
}

void MemoryFiles::DieAt(uint64_t changing_call) {
  MutexLock lock(&mutex_);
  died_ = false;
  calls_ = 0;
  die_at_ = changing_call;
}

void MemoryFiles::SetCapacity(uint64_t bytes) {
  MutexLock lock(&mutex_);
  capacity_ = bytes;
}

uint64_t MemoryFiles::changing_calls() {
  MutexLock lock(&mutex_);
  return calls_;
}

bool MemoryFiles::died() {
  MutexLock lock(&mutex_);
  return died_;
}

absl::Status MemoryFiles::Change(bool* dying) {
  const absl::Status dead = Error(absl::StatusCode::kAborted, "the process was killed");
  if (died_) return dead;
  if (calls_++ != die_at_) return absl::OkStatus();
  died_ = true;
  *dying = true;
  return dead;
}

absl::Status MemoryFiles::Write(std::string* file, uint64_t offset, absl::string_view bytes) {
  MutexLock lock(&mutex_);
  bool dying = false;
  absl::Status status = Change(&dying);
  if (!status.ok() && !dying) return status;
  if (dying) bytes = bytes.substr(0, bytes.size() / 2);
  uint64_t used = 0;
  for (const auto& entry : files_) used += entry.second->size();
  const uint64_t growth = offset + bytes.size() - std::min<uint64_t>(file->size(), offset + bytes.size());
  if (growth > capacity_ - std::min(capacity_, used)) return ErrnoError(ENOSPC, "cannot write", "memory");
  if (file->size() < offset + bytes.size()) file->resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), file->begin() + offset);
  return status;
}

absl::StatusOr<std::unique_ptr<WritableFile>> MemoryFiles::Create(const std::string& path) {
  MutexLock lock(&mutex_);
  bool dying = false;
  const absl::Status status = Change(&dying);
  if (!status.ok() && !dying) return status;
  auto bytes = std::make_shared<std::string>();
  files_[path] = bytes;
  if (!status.ok()) return status;
  return std::unique_ptr<WritableFile>(new Writable(this, bytes));
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MemoryFiles::Map(const std::string& path) {
  MutexLock lock(&mutex_);
  const auto it = files_.find(path);
  if (it == files_.end()) return ErrnoError(ENOENT, "cannot open", path);
  return std::shared_ptr<const MappedFile>(new MemoryMapped(path, it->second));
}

absl::StatusOr<std::string> MemoryFiles::ReadFile(const std::string& path, uint64_t max_bytes) {
  MutexLock lock(&mutex_);
  const auto it = files_.find(path);
  if (it == files_.end()) return ErrnoError(ENOENT, "cannot open", path);
  if (it->second->size() > max_bytes) return Error(absl::StatusCode::kInvalidArgument, "too large", path);
  return *it->second;
}

absl::Status MemoryFiles::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(&mutex_);
  bool dying = false;
  GROUTER_RETURN_IF_ERROR(Change(&dying));
  const auto it = files_.find(from);
  if (it != files_.end()) {
    files_[to] = it->second;
    files_.erase(from);
    return absl::OkStatus();
  }
  const std::string folder = from + "/";
  bool found = false;
  for (auto file = files_.lower_bound(folder); file != files_.end() && absl::StartsWith(file->first, folder);
       found = true) {
    files_[to + "/" + file->first.substr(folder.size())] = file->second;
    file = files_.erase(file);
  }
  return found ? absl::OkStatus() : ErrnoError(ENOENT, "cannot rename", from);
}

absl::Status MemoryFiles::Link(const std::string& from, const std::string& to) {
  MutexLock lock(&mutex_);
  bool dying = false;
  GROUTER_RETURN_IF_ERROR(Change(&dying));
  const auto it = files_.find(from);
  if (it == files_.end()) return ErrnoError(ENOENT, "cannot link", from);
  if (!files_.emplace(to, it->second).second) return ErrnoError(EEXIST, "cannot link", to);
  return absl::OkStatus();
}

absl::Status MemoryFiles::Remove(const std::string& path) {
  MutexLock lock(&mutex_);
  bool dying = false;
  GROUTER_RETURN_IF_ERROR(Change(&dying));
  files_.erase(path);
  return absl::OkStatus();
}

absl::Status MemoryFiles::RemoveTree(const std::string& path) {
  MutexLock lock(&mutex_);
  bool dying = false;
  GROUTER_RETURN_IF_ERROR(Change(&dying));
  const std::string prefix = JoinPath(path, "");
  for (auto it = files_.begin(); it != files_.end();) {
    it = it->first == path || it->first.compare(0, prefix.size(), prefix) == 0 ? files_.erase(it)
                                                                               : std::next(it);
  }
  return absl::OkStatus();
}

absl::Status MemoryFiles::SyncFolder(const std::string& path) {
  MutexLock lock(&mutex_);
  bool dying = false;
  return Change(&dying);
}

bool MemoryFiles::Exists(const std::string& path) {
  MutexLock lock(&mutex_);
  return files_.count(path) != 0;
}

absl::StatusOr<std::vector<std::string>> MemoryFiles::List(const std::string& path) {
  MutexLock lock(&mutex_);
  const std::string prefix = JoinPath(path, "");
  std::vector<std::string> names;
  for (const auto& entry : files_) {
    if (entry.first.compare(0, prefix.size(), prefix) == 0)
      names.push_back(entry.first.substr(prefix.size()));
  }
  return names;
}

}  // namespace testing
}  // namespace grouter
