// An array on a device whose size changes and whose memory stays.
#ifndef GROUTER_TRAINER_DEVICE_DEVICE_BUFFER_H_
#define GROUTER_TRAINER_DEVICE_DEVICE_BUFFER_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "trainer/device/device.h"

namespace grouter {

// Movable, not copyable. One thread at a time. Memory grows and is kept until destruction, so a step that
// repeats allocates nothing; values are undefined after Resize. Always resized on the same device, which
// outlives it.
template <typename T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(DeviceBuffer&& other) noexcept { Swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    DeviceBuffer taken(std::move(other));
    Swap(taken);
    return *this;
  }
  ~DeviceBuffer() {
    if (memory_ != nullptr) device_->Free(memory_);
  }

  T* Resize(Device& device, uint64_t size) {
    if (size > capacity_) {
      const uint64_t capacity = size + size / 8;
      if (memory_ != nullptr) device_->Free(std::exchange(memory_, nullptr));
      capacity_ = 0;
      device_ = &device;
      memory_ = static_cast<T*>(device.Allocate(capacity * sizeof(T)));
      capacity_ = capacity;
    }
    size_ = size;
    return memory_;
  }
  T* ResizeZeroed(Device& device, uint64_t size) {
    T* data = Resize(device, size);
    device.Zero(Stream::kCompute, data, size * sizeof(T));
    return data;
  }
  T* data() { return memory_; }
  const T* data() const { return memory_; }
  uint64_t size() const { return size_; }

 private:
  void Swap(DeviceBuffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  Device* device_ = nullptr;
  T* memory_ = nullptr;
  uint64_t size_ = 0;
  uint64_t capacity_ = 0;
};

using FloatBuffer = DeviceBuffer<float>;
using IndexBuffer = DeviceBuffer<int32_t>;

// `size` zeros. RESOURCE_EXHAUSTED, naming `what`, when there is no memory.
absl::StatusOr<FloatBuffer> ZeroedFloats(Device& device, uint64_t size, absl::string_view what);

// To and from the host, for what is not part of a step: both wait.
absl::Status WriteFloats(Device& device, float* to, const float* from_host, uint64_t size);
absl::Status ReadFloats(Device& device, float* to_host, const float* from, uint64_t size);

}  // namespace grouter

#endif  // GROUTER_TRAINER_DEVICE_DEVICE_BUFFER_H_
