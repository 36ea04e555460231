#include "io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kWriteBackBytes = 8 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class LocalWritableFile : public WritableFile {
 public:
  LocalWritableFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  absl::Status Append(absl::string_view bytes) override {
    GROUTER_RETURN_IF_ERROR(WriteAt(size_, bytes));
    size_ += bytes.size();
    if (size_ - on_its_way_ >= kWriteBackBytes) {
      // The disk starts now instead of at Sync. Advice only: Sync reports what goes wrong.
      ::sync_file_range(fd_.get(), static_cast<off64_t>(on_its_way_),
                        static_cast<off64_t>(size_ - on_its_way_), SYNC_FILE_RANGE_WRITE);
      on_its_way_ = size_;
    }
    return absl::OkStatus();
  }

  absl::Status WriteAt(uint64_t offset, absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) continue;
        return ErrnoError(errno, "cannot write", absl::StrCat(path_, " at byte ", offset));
      }
      bytes.remove_prefix(n);
      offset += n;
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (::fsync(fd_.get()) != 0) return ErrnoError(errno, "cannot flush to disk", path_);
    return absl::OkStatus();
  }

 private:
  std::string path_;
  Descriptor fd_;
  uint64_t size_ = 0;
  uint64_t on_its_way_ = 0;
};

class LocalMappedFile : public MappedFile {
 public:
  LocalMappedFile(std::string path, absl::string_view bytes) : MappedFile(std::move(path), bytes) {}
  ~LocalMappedFile() override {
    if (size() > 0) ::munmap(const_cast<char*>(bytes().data()), size());
  }
};

class LocalFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoError(errno, "cannot create", path);
    return std::unique_ptr<WritableFile>(new LocalWritableFile(path, fd));
  }

  absl::StatusOr<std::shared_ptr<const MappedFile>> Map(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return ErrnoError(errno, "cannot open", path);
    struct stat info;
    if (::fstat(fd.get(), &info) != 0) return ErrnoError(errno, "cannot stat", path);
    if (!S_ISREG(info.st_mode)) {
      return Error(absl::StatusCode::kInvalidArgument, "not a regular file", path, "give a file");
    }
    if (info.st_size == 0) return std::shared_ptr<const MappedFile>(new LocalMappedFile(path, ""));
    void* data = ::mmap(nullptr, info.st_size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (data == MAP_FAILED) return ErrnoError(errno, "cannot map", path);
    return std::shared_ptr<const MappedFile>(new LocalMappedFile(
        path, absl::string_view(static_cast<const char*>(data), static_cast<size_t>(info.st_size))));
  }

  absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return ErrnoError(errno, "cannot open", path);
    std::string bytes;
    char buffer[1 << 16];
    while (true) {
      const ssize_t n = ::read(fd.get(), buffer, sizeof(buffer));
      if (n < 0) {
        if (errno == EINTR) continue;
        return ErrnoError(errno, "cannot read", path);
      }
      if (n == 0) return bytes;
      if (bytes.size() + static_cast<uint64_t>(n) > max_bytes) {
        return Error(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("the file is larger than ", max_bytes, " bytes"), path,
                     "is this the right file?");
      }
      bytes.append(buffer, n);
    }
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoError(errno, "cannot rename " + from, to);
    return absl::OkStatus();
  }

  absl::Status Link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    if (errno == EXDEV || errno == EPERM || errno == EMLINK) return FileSystem::Link(from, to);
    return ErrnoError(errno, "cannot link " + from, to);
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError(errno, "cannot remove", path);
    return absl::OkStatus();
  }

  absl::Status RemoveTree(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return ErrnoError(error.value(), "cannot remove", path);
    return absl::OkStatus();
  }

  absl::Status MakeFolders(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return ErrnoError(error.value(), "cannot make folder", path);
    return absl::OkStatus();
  }

  absl::Status SyncFolder(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return ErrnoError(errno, "cannot open folder", path);
    if (::fsync(fd.get()) != 0 && errno != EINVAL) return ErrnoError(errno, "cannot flush folder", path);
    return absl::OkStatus();
  }

  bool Exists(const std::string& path) override {
    struct stat info;
    return ::stat(path.c_str(), &info) == 0;
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator it(path, error);
    for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (error) return ErrnoError(error.value(), "cannot list folder", path);
    std::sort(names.begin(), names.end());
    return names;
  }
};

}  // namespace

absl::Status FileSystem::Link(const std::string& from, const std::string& to) {
  GROUTER_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, Map(from));
  return WriteFileAtomically(*this, to, file->bytes());
}

FileSystem& FileSystem::Local() {
  static LocalFileSystem* const files = new LocalFileSystem;
  return *files;
}

absl::StatusOr<AtomicFile> AtomicFile::Create(FileSystem& files, std::string path) {
  static std::atomic<uint64_t> counter{0};
  std::string temp = absl::StrCat(path, ".tmp.", ::getpid(), ".", counter.fetch_add(1));
  GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, files.Create(temp));
  return AtomicFile(files, std::move(path), std::move(temp), std::move(file));
}

AtomicFile::AtomicFile(FileSystem& files, std::string path, std::string temp,
                       std::unique_ptr<WritableFile> file)
    : files_(&files), path_(std::move(path)), temp_(std::move(temp)), file_(std::move(file)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      temp_(std::move(other.temp_)),
      file_(std::move(other.file_)) {
  other.temp_.clear();
}

AtomicFile::~AtomicFile() {
  file_.reset();
  if (!temp_.empty()) files_->Remove(temp_).IgnoreError();
}

absl::Status AtomicFile::Commit() {
  GROUTER_RETURN_IF_ERROR(file_->Sync());
  file_.reset();
  GROUTER_RETURN_IF_ERROR(files_->Rename(temp_, path_));
  temp_.clear();
  const size_t slash = path_.find_last_of('/');
  return files_->SyncFolder(slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash));
}

absl::Status WriteFileAtomically(FileSystem& files, const std::string& path, absl::string_view bytes) {
  GROUTER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(files, path));
  GROUTER_RETURN_IF_ERROR(file.Append(bytes));
  return file.Commit();
}

std::string JoinPath(absl::string_view folder, absl::string_view name) {
  if (folder.empty()) return std::string(name);
  return absl::StrCat(folder, folder.back() == '/' ? "" : "/", name);
}

}  // namespace grouter
