// Keeps the process alive when a mapped file shrinks under it, and notices files that change.
//
// Reading a page past a file's new end raises SIGBUS. The handler maps a page of zeros there, marks the
// mapping, and lets the reader go on: what it read is caught by the plan's checksum, and the mark makes the
// table answer DATA_LOSS. A look now and again finds files that changed without a fault.
#ifndef GROUTER_SERVER_REGISTRY_MAPPING_GUARD_H_
#define GROUTER_SERVER_REGISTRY_MAPPING_GUARD_H_

#include <string>
#include <vector>

#include "io/file.h"

namespace grouter {

// Installs the handler, once per process. Thread-safe. At most 65,536 mappings are watched at a time; a fault
// outside them ends the process as before.
void InstallMappingGuard();

// A FileSystem whose mappings are watched. Everything else goes to `files`, which outlives it and its files.
class GuardedFiles : public FileSystem {
 public:
  explicit GuardedFiles(FileSystem& files) : files_(files) {}

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    return files_.Create(path);
  }
  absl::StatusOr<std::shared_ptr<const MappedFile>> Map(const std::string& path) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes = UINT64_MAX) override {
    return files_.ReadFile(path, max_bytes);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return files_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return files_.Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return files_.RemoveTree(path); }
  absl::Status MakeFolders(const std::string& path) override { return files_.MakeFolders(path); }
  absl::Status SyncFolder(const std::string& path) override { return files_.SyncFolder(path); }
  bool Exists(const std::string& path) override { return files_.Exists(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return files_.List(path);
  }

 private:
  FileSystem& files_;
};

struct DamagedMapping {
  std::string path;
  std::string why;
};

// Mappings that faulted, or whose file is another, shorter or changed since it was mapped. A file that is
// gone stays whole in its mapping and is not damage.
std::vector<DamagedMapping> FindDamagedMappings();

}  // namespace grouter

#endif  // GROUTER_SERVER_REGISTRY_MAPPING_GUARD_H_
