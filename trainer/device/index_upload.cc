#include "trainer/device/index_upload.h"

#include <cstring>
#include <utility>

namespace grouter {
namespace {

constexpr uint64_t kAlignment = 64;

}  // namespace

IndexUpload::~IndexUpload() {
  if (staging_ == nullptr) return;
  device_.Synchronize(done_).IgnoreError();  // it may be read from
  device_.FreeHost(staging_);
}

void IndexUpload::Begin() { pieces_.clear(); }

void IndexUpload::AddBytes(const void* from, uint64_t num_bytes, const void** on_device) {
  pieces_.push_back({from, num_bytes, on_device});
}

void IndexUpload::Start(Stream stream) {
  uint64_t total = 0;
  for (const Piece& piece : pieces_) total += (piece.num_bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (staging_ != nullptr)
    device_.Synchronize(done_).IgnoreError();  // of the copy before; a later wait tells
  if (total > staging_bytes_) {
    if (staging_ != nullptr) device_.FreeHost(std::exchange(staging_, nullptr));
    staging_bytes_ = total + total / 8;
    staging_ = static_cast<char*>(device_.AllocateHost(staging_bytes_));
  }
  char* const memory = memory_.Resize(device_, total);
  uint64_t at = 0;
  for (const Piece& piece : pieces_) {
    if (piece.num_bytes > 0) std::memcpy(staging_ + at, piece.from, piece.num_bytes);
    *piece.on_device = memory + at;
    at += (piece.num_bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  device_.Wait(stream, last_use_);
  device_.Upload(stream, memory, staging_, total);
  done_ = device_.Record(stream);
}

std::shared_ptr<IndexUpload> UploadPool::Take() {
  std::unique_ptr<IndexUpload> upload;
  {
    const MutexLock lock(&mutex_);
    if (!free_.empty()) {
      upload = std::move(free_.front());
      free_.erase(free_.begin());
    }
  }
  if (upload == nullptr) upload = std::make_unique<IndexUpload>(device_);
  return {upload.release(), [pool = shared_from_this()](IndexUpload* used) {
            used->Used();
            const MutexLock lock(&pool->mutex_);
            pool->free_.emplace_back(used);
          }};
}

}  // namespace grouter
