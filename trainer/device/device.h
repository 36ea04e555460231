// Where a rank computes: memory, kernels, and the order of what is queued on them. One seam, so that the same
// trainer runs on CPUs, on CUDA, and on a fake that checks it.
//
//   host thread   queues -----------> and goes on; it waits only in Synchronize
//   kCompute        kernels, products, collectives, in the order they were queued
//   kExperts        pages of experts to and from the host
//   kPlans          indices of the steps ahead
#ifndef GROUTER_TRAINER_DEVICE_DEVICE_H_
#define GROUTER_TRAINER_DEVICE_DEVICE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "kernels/kernels.h"

namespace grouter {

enum class Stream : uint8_t { kCompute = 0, kExperts = 1, kPlans = 2 };

// A point in a stream. Null where everything queued is done at once.
class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
};
using DeviceEventPtr = std::shared_ptr<const DeviceEvent>;

// One rank's device. Streams are independent of each other but for events; each is used by one thread at a
// time. Memory of the device is touched by what is queued alone: host code reads and writes it only if
// is_host().
class Device {
 public:
  virtual ~Device() = default;

  // Its memory is the host's and everything queued is done when the call returns.
  virtual bool is_host() const { return false; }
  // LibTorch's index of the CUDA device, -1: tensors are the CPU's.
  virtual int cuda_index() const { return -1; }
  // Queues on kCompute.
  virtual const Kernels& kernels() const = 0;

  // At a 64-byte boundary, values undefined. Throws std::bad_alloc when there is no memory. What is queued
  // when memory is freed may still use it; neither call waits for that.
  virtual void* Allocate(uint64_t num_bytes) = 0;
  virtual void Free(void* memory) = 0;
  // Memory of the host from and to which copies run while it computes.
  virtual void* AllocateHost(uint64_t num_bytes) = 0;
  virtual void FreeHost(void* memory) = 0;

  // Copies and zeroes in the stream's order. Host memory must live, and its values stay, until the copy is
  // done.
  virtual void Upload(Stream stream, void* to, const void* from_host, uint64_t num_bytes) = 0;
  virtual void Download(Stream stream, void* to_host, const void* from, uint64_t num_bytes) = 0;
  virtual void Copy(Stream stream, void* to, const void* from, uint64_t num_bytes) = 0;
  virtual void Zero(Stream stream, void* memory, uint64_t num_bytes) = 0;

  // All that was queued on the stream until now.
  virtual DeviceEventPtr Record(Stream stream) = 0;
  // What is queued on the stream from now on comes after the event; null: after nothing.
  virtual void Wait(Stream stream, const DeviceEventPtr& event) = 0;
  // The host waits for the event. The first error of the device since it was made: INTERNAL, or
  // DEADLINE_EXCEEDED when the event does not come in time, because a rank of a collective is gone.
  virtual absl::Status Synchronize(const DeviceEventPtr& event) = 0;

  // Around what others than kernels() queue on kCompute: products, attention, collectives. Nests.
  virtual void Enter() {}
  virtual void Leave() {}
};

// Enter and Leave.
class DeviceScope {
 public:
  explicit DeviceScope(Device& device) : device_(device) { device_.Enter(); }
  ~DeviceScope() { device_.Leave(); }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device& device_;
};

// This machine's processors: thread-safe, lives for ever.
Device& CpuDevice();

}  // namespace grouter

#endif  // GROUTER_TRAINER_DEVICE_DEVICE_H_
