// Arrays that the host made, copied to a device in one piece.
#ifndef GROUTER_TRAINER_DEVICE_INDEX_UPLOAD_H_
#define GROUTER_TRAINER_DEVICE_INDEX_UPLOAD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "io/mutex.h"
#include "trainer/device/device_buffer.h"

namespace grouter {

// Keeps its memory from one use to the next: Begin, Add ..., Start; when what reads the copies is queued,
// Used. One thread at a time; on one device, which outlives it.
class IndexUpload {
 public:
  explicit IndexUpload(Device& device) : device_(device) {}
  ~IndexUpload();
  IndexUpload(const IndexUpload&) = delete;
  IndexUpload& operator=(const IndexUpload&) = delete;

  void Begin();
  // `values` must stay until Start, which sets *on_device to their copy.
  template <typename T>
  void Add(const std::vector<T>& values, const T** on_device) {
    AddBytes(values.data(), values.size() * sizeof(T), reinterpret_cast<const void**>(on_device));
  }
  // Queues the copy. What reads it on another stream waits for done().
  void Start(Stream stream);
  const DeviceEventPtr& done() const { return done_; }
  // The next copy comes after all that kCompute holds now.
  void Used() { last_use_ = device_.Record(Stream::kCompute); }

 private:
  struct Piece {
    const void* from;
    uint64_t num_bytes;
    const void** on_device;
  };
  void AddBytes(const void* from, uint64_t num_bytes, const void** on_device);

  Device& device_;
  std::vector<Piece> pieces_;
  DeviceBuffer<char> memory_;
  char* staging_ = nullptr;
  uint64_t staging_bytes_ = 0;
  DeviceEventPtr done_;
  DeviceEventPtr last_use_;
};

// Uploads that come back when nobody holds them. Thread-safe; made as a shared_ptr.
class UploadPool : public std::enable_shared_from_this<UploadPool> {
 public:
  explicit UploadPool(Device& device) : device_(device) {}
  // One that is not in use. When its last holder lets go, it counts as Used.
  std::shared_ptr<IndexUpload> Take();

 private:
  Device& device_;
  Mutex mutex_;
  std::vector<std::unique_ptr<IndexUpload>> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_DEVICE_INDEX_UPLOAD_H_
