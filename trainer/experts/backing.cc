#include "trainer/experts/backing.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

class MemoryBacking : public ExpertBacking {
 public:
  MemoryBacking(FloatArray floats, uint64_t page_floats)
      : floats_(std::move(floats)), page_floats_(page_floats) {}
  absl::Status Read(uint32_t page, float* to) override {
    std::memcpy(to, &floats_[page * page_floats_], page_floats_ * sizeof(float));
    return absl::OkStatus();
  }
  absl::Status Write(uint32_t page, const float* from) override {
    std::memcpy(&floats_[page * page_floats_], from, page_floats_ * sizeof(float));
    return absl::OkStatus();
  }

 private:
  const FloatArray floats_;
  const uint64_t page_floats_;
};

class FileBacking : public ExpertBacking {
 public:
  FileBacking(int fd, std::string path, uint64_t page_floats)
      : fd_(fd), path_(std::move(path)), page_bytes_(page_floats * sizeof(float)) {}
  ~FileBacking() override { close(fd_); }

  absl::Status Read(uint32_t page, float* to) override {
    char* out = reinterpret_cast<char*>(to);
    for (uint64_t done = 0; done < page_bytes_;) {
      const ssize_t n =
          pread(fd_, out + done, page_bytes_ - done, static_cast<off_t>(page * page_bytes_ + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return ErrnoError(n < 0 ? errno : EIO, "cannot read an expert", path_);
      done += static_cast<uint64_t>(n);
    }
    return absl::OkStatus();
  }
  absl::Status Write(uint32_t page, const float* from) override {
    const char* in = reinterpret_cast<const char*>(from);
    for (uint64_t done = 0; done < page_bytes_;) {
      const ssize_t n =
          pwrite(fd_, in + done, page_bytes_ - done, static_cast<off_t>(page * page_bytes_ + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return ErrnoError(n < 0 ? errno : EIO, "cannot write an expert back", path_);
      done += static_cast<uint64_t>(n);
    }
    return absl::OkStatus();
  }

 private:
  const int fd_;
  const std::string path_;
  const uint64_t page_bytes_;
};

}  // namespace

void FreeFloats::operator()(float* floats) const { std::free(floats); }

absl::StatusOr<FloatArray> AllocateFloats(uint64_t num_floats) {
  const uint64_t num_bytes = (num_floats * sizeof(float) + 63) / 64 * 64;
  void* memory = std::aligned_alloc(64, num_bytes == 0 ? 64 : num_bytes);
  if (memory == nullptr) {
    return Error(absl::StatusCode::kResourceExhausted,
                 absl::StrCat("no memory for ", num_bytes, " bytes of experts"), "expert store",
                 "hold fewer experts resident or use a backing file");
  }
  std::memset(memory, 0, num_bytes);
  return FloatArray(static_cast<float*>(memory));
}

absl::StatusOr<std::unique_ptr<ExpertBacking>> MakeMemoryBacking(uint32_t num_pages, uint64_t page_floats) {
  GROUTER_ASSIGN_OR_RETURN(FloatArray floats, AllocateFloats(num_pages * page_floats));
  return std::unique_ptr<ExpertBacking>(new MemoryBacking(std::move(floats), page_floats));
}

absl::StatusOr<std::unique_ptr<ExpertBacking>> MakeFileBacking(const std::string& path, uint32_t num_pages,
                                                               uint64_t page_floats) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoError(errno, "cannot make the experts' backing file", path);
  unlink(path.c_str());
  auto backing = std::make_unique<FileBacking>(fd, path, page_floats);
  const auto num_bytes = static_cast<off_t>(num_pages * page_floats * sizeof(float));
  if (num_bytes > 0) {
    const int error = posix_fallocate(fd, 0, num_bytes);
    if (error != 0) return ErrnoError(error, "cannot reserve the experts' backing file", path);
  }
  return std::unique_ptr<ExpertBacking>(std::move(backing));
}

}  // namespace grouter
