// The one seam to the disk. Everything that writes an artefact goes through a FileSystem, so that a test
// can make any call fail; whole files appear by rename, so that a reader never sees a half-written one.
#ifndef GROUTER_IO_FILE_H_
#define GROUTER_IO_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// A file being written from its start. One thread at a time. Closing is the destructor's job; what was not
// synced may be lost with the machine.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // On error some prefix of `bytes` may have been written.
  virtual absl::Status Append(absl::string_view bytes) = 0;
  // Overwrites bytes already appended (headers whose content is known last).
  virtual absl::Status WriteAt(uint64_t offset, absl::string_view bytes) = 0;
  // Returns when everything written so far is on stable storage (fsync).
  virtual absl::Status Sync() = 0;
};

// A whole file mapped read-only. Immutable and thread-safe; the mapping lives as long as the object, also
// after the path is unlinked. Reading bytes of a file that shrank raises SIGBUS.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  const std::string& path() const { return path_; }
  absl::string_view bytes() const { return bytes_; }
  uint64_t size() const { return bytes_.size(); }

 protected:
  MappedFile(std::string path, absl::string_view bytes) : path_(std::move(path)), bytes_(bytes) {}

 private:
  std::string path_;
  absl::string_view bytes_;
};

// Thread-safe. Errors carry the path and a fix (io/error.h, ErrnoError).
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Creates or truncates `path` (mode 0644).
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) = 0;
  virtual absl::StatusOr<std::shared_ptr<const MappedFile>> Map(const std::string& path) = 0;
  // INVALID_ARGUMENT when the file is larger than `max_bytes`.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes = UINT64_MAX) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // `to` becomes another name of the file `from`; where the file system cannot, a synced copy of it.
  virtual absl::Status Link(const std::string& from, const std::string& to);
  // OK when there was nothing to remove.
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status RemoveTree(const std::string& path) = 0;
  virtual absl::Status MakeFolders(const std::string& path) = 0;
  virtual absl::Status SyncFolder(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Names (not paths) in byte order, "." and ".." left out.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;

  static FileSystem& Local();
};

// Writes PATH.tmp.<pid>.<n> and renames it to PATH on Commit; the destructor removes what was not
// committed. One thread at a time. The FileSystem must outlive it.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(FileSystem& files, std::string path);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  WritableFile& file() { return *file_; }
  absl::Status Append(absl::string_view bytes) { return file_->Append(bytes); }
  // Syncs, renames, syncs the folder: after OK the whole file is there for good.
  absl::Status Commit();

 private:
  AtomicFile(FileSystem& files, std::string path, std::string temp, std::unique_ptr<WritableFile> file);
  FileSystem* files_;
  std::string path_;
  std::string temp_;  // empty once committed
  std::unique_ptr<WritableFile> file_;
};

// Create, append, commit.
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path, absl::string_view bytes);

// `folder`/`name` with one slash between.
std::string JoinPath(absl::string_view folder, absl::string_view name);

}  // namespace grouter

#endif  // GROUTER_IO_FILE_H_
