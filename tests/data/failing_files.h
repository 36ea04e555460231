// The local file system with one failing call: a test lets the first, the second, ... change to the disk fail
// and looks at what is left.
#ifndef GROUTER_TESTS_DATA_FAILING_FILES_H_
#define GROUTER_TESTS_DATA_FAILING_FILES_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/error.h"
#include "io/file.h"

namespace grouter {

class FailingFiles : public FileSystem {
 public:
  // Change number `fail_at` (from 0) and all after it fail, as on a full disk; negative: none does.
  explicit FailingFiles(int64_t fail_at) : fail_at_(fail_at) {}
  int64_t num_changes() const { return changes_; }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    GROUTER_RETURN_IF_ERROR(Change(path));
    GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, local_.Create(path));
    return std::unique_ptr<WritableFile>(new File(this, path, std::move(file)));
  }
  absl::StatusOr<std::shared_ptr<const MappedFile>> Map(const std::string& path) override {
    return local_.Map(path);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) override {
    return local_.ReadFile(path, max_bytes);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    GROUTER_RETURN_IF_ERROR(Change(to));
    return local_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return local_.Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return local_.RemoveTree(path); }
  absl::Status MakeFolders(const std::string& path) override {
    GROUTER_RETURN_IF_ERROR(Change(path));
    return local_.MakeFolders(path);
  }
  absl::Status SyncFolder(const std::string& path) override { return local_.SyncFolder(path); }
  bool Exists(const std::string& path) override { return local_.Exists(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return local_.List(path);
  }

 private:
  class File : public WritableFile {
   public:
    File(FailingFiles* files, std::string path, std::unique_ptr<WritableFile> file)
        : files_(files), path_(std::move(path)), file_(std::move(file)) {}
    absl::Status Append(absl::string_view bytes) override {
      GROUTER_RETURN_IF_ERROR(files_->Change(path_));
      return file_->Append(bytes);
    }
    absl::Status WriteAt(uint64_t offset, absl::string_view bytes) override {
      GROUTER_RETURN_IF_ERROR(files_->Change(path_));
      return file_->WriteAt(offset, bytes);
    }
    absl::Status Sync() override {
      GROUTER_RETURN_IF_ERROR(files_->Change(path_));
      return file_->Sync();
    }

   private:
    FailingFiles* files_;
    std::string path_;
    std::unique_ptr<WritableFile> file_;
  };

  absl::Status Change(const std::string& path) {
    const bool fails = fail_at_ >= 0 && changes_ >= fail_at_;
    ++changes_;
    return fails ? ErrnoError(ENOSPC, "cannot write", path) : absl::OkStatus();
  }

  FileSystem& local_ = FileSystem::Local();
  const int64_t fail_at_;
  int64_t changes_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_TESTS_DATA_FAILING_FILES_H_
