// A FileSystem in memory, quick enough to damage a file ten thousand times, that can fail at any call.
#ifndef GROUTER_TESTS_TESTING_TABLES_MEMORY_FILES_H_
#define GROUTER_TESTS_TESTING_TABLES_MEMORY_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/mutex.h"

namespace grouter {
namespace testing {

// Thread-safe. Folders exist implicitly. Mappings keep the bytes they were made from.
class MemoryFiles : public FileSystem {
 public:
  // The disk's contents: path -> bytes. For tests that damage them.
  std::string Get(const std::string& path);
  void Put(const std::string& path, std::string bytes);

  // The process dies in the middle of the n-th changing call (0: the next one): half of its bytes are
  // written, and it and every later call fail until Revive. UINT64_MAX: never.
  void DieAt(uint64_t changing_call);
  void Revive() { DieAt(UINT64_MAX); }
  // Appending past this many bytes in all files fails with RESOURCE_EXHAUSTED.
  void SetCapacity(uint64_t bytes);
  uint64_t changing_calls();
  bool died();

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  absl::StatusOr<std::shared_ptr<const MappedFile>> Map(const std::string& path) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveTree(const std::string& path) override;
  absl::Status MakeFolders(const std::string& path) override { return absl::OkStatus(); }
  absl::Status SyncFolder(const std::string& path) override;
  bool Exists(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;

 private:
  class Writable;
  absl::Status Change(bool* dying) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(std::string* file, uint64_t offset, absl::string_view bytes);

  Mutex mutex_;
  std::map<std::string, std::shared_ptr<std::string>> files_ ABSL_GUARDED_BY(mutex_);
  uint64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t die_at_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
  bool died_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t capacity_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_TABLES_MEMORY_FILES_H_
