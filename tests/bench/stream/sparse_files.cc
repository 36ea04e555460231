#include "tests/bench/stream/sparse_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "io/error.h"

namespace grouter {
namespace {

class SparseFile : public WritableFile {
 public:
  SparseFile(std::string path, int fd, const SparseFiles::IsNeeded* is_needed)
      : path_(std::move(path)), fd_(fd), is_needed_(is_needed) {}
  ~SparseFile() override { close(fd_); }

  absl::Status Append(absl::string_view bytes) override {
    const uint64_t begin = size_;
    size_ += bytes.size();
    return (*is_needed_)(path_, begin, size_) ? WriteAt(begin, bytes) : absl::OkStatus();
  }
  absl::Status WriteAt(uint64_t offset, absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0) return ErrnoError(errno, "cannot write", path_);
      offset += static_cast<uint64_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    if (ftruncate(fd_, static_cast<off_t>(size_)) == 0 && fdatasync(fd_) == 0) return absl::OkStatus();
    return ErrnoError(errno, "cannot sync", path_);
  }

 private:
  const std::string path_;
  const int fd_;
  const SparseFiles::IsNeeded* const is_needed_;
  uint64_t size_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WritableFile>> SparseFiles::Create(const std::string& path) {
  if (!absl::StrContains(path, ".shard")) return Local().Create(path);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(errno, "cannot create", path);
  return std::unique_ptr<WritableFile>(std::make_unique<SparseFile>(path, fd, &is_needed_));
}

}  // namespace grouter
