#include <cstring>
#include <new>

#include "trainer/device/device.h"

namespace grouter {
namespace {

constexpr std::align_val_t kAlignment{64};

class CpuDeviceImpl : public Device {
 public:
  bool is_host() const override { return true; }
  const Kernels& kernels() const override { return CpuKernels(); }
  void* Allocate(uint64_t num_bytes) override { return ::operator new(num_bytes, kAlignment); }
  void Free(void* memory) override { ::operator delete(memory, kAlignment); }
  void* AllocateHost(uint64_t num_bytes) override { return Allocate(num_bytes); }
  void FreeHost(void* memory) override { Free(memory); }
  void Upload(Stream, void* to, const void* from, uint64_t num_bytes) override { Move(to, from, num_bytes); }
  void Download(Stream, void* to, const void* from, uint64_t num_bytes) override {
    Move(to, from, num_bytes);
  }
  void Copy(Stream, void* to, const void* from, uint64_t num_bytes) override { Move(to, from, num_bytes); }
  void Zero(Stream, void* memory, uint64_t num_bytes) override {
    if (num_bytes > 0) std::memset(memory, 0, num_bytes);
  }
  DeviceEventPtr Record(Stream) override { return nullptr; }
  void Wait(Stream, const DeviceEventPtr&) override {}
  absl::Status Synchronize(const DeviceEventPtr&) override { return absl::OkStatus(); }

 private:
  static void Move(void* to, const void* from, uint64_t num_bytes) {
    if (num_bytes > 0) std::memcpy(to, from, num_bytes);
  }
};

}  // namespace

Device& CpuDevice() {
  static CpuDeviceImpl* device = new CpuDeviceImpl;
  return *device;
}

}  // namespace grouter
