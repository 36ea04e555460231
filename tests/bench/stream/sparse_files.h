// Files that are larger than what is written: a stand-in for tables of many gigabytes, of which a measurement
// reads a few samples.
#ifndef GROUTER_TESTS_BENCH_STREAM_SPARSE_FILES_H_
#define GROUTER_TESTS_BENCH_STREAM_SPARSE_FILES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/file.h"

namespace grouter {

// The local files, but for what is appended to the shards of a table: there, a run of bytes is written only
// when `is_needed` says so of [begin, end) of the file, and is a hole (zeros, no disk) otherwise.
class SparseFiles : public FileSystem {
 public:
  using IsNeeded = std::function<bool(const std::string& path, uint64_t begin, uint64_t end)>;
  explicit SparseFiles(IsNeeded is_needed) : is_needed_(std::move(is_needed)) {}

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  absl::StatusOr<std::shared_ptr<const MappedFile>> Map(const std::string& path) override {
    return Local().Map(path);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) override {
    return Local().ReadFile(path, max_bytes);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Local().Rename(from, to);
  }
  absl::Status Link(const std::string& from, const std::string& to) override {
    return Local().Link(from, to);
  }
  absl::Status Remove(const std::string& path) override { return Local().Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return Local().RemoveTree(path); }
  absl::Status MakeFolders(const std::string& path) override { return Local().MakeFolders(path); }
  absl::Status SyncFolder(const std::string& path) override { return Local().SyncFolder(path); }
  bool Exists(const std::string& path) override { return Local().Exists(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return Local().List(path);
  }

 private:
  const IsNeeded is_needed_;
};

}  // namespace grouter

#endif  // GROUTER_TESTS_BENCH_STREAM_SPARSE_FILES_H_
