#include "trainer/device/cuda_device.h"

#include "io/error.h"

#ifdef USE_C10D_NCCL

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <new>
#include <thread>

#include "absl/strings/str_cat.h"
#include "io/mutex.h"
#include "kernels/cuda/cuda_kernels.h"

namespace grouter {
namespace {

using Clock = std::chrono::steady_clock;

struct CudaEvent : DeviceEvent {
  ~CudaEvent() override { cudaEventDestroy(event); }
  cudaEvent_t event = nullptr;
};

class CudaDevice : public Device {
 public:
  CudaDevice(int index, std::chrono::milliseconds timeout)
      : index_(index),
        timeout_(timeout),
        compute_(
            c10::cuda::getStreamFromPool(/*isHighPriority=*/false, static_cast<c10::DeviceIndex>(index))) {
    Use();
    streams_[0] = compute_.stream();
    Check("stream", cudaStreamCreateWithFlags(&streams_[1], cudaStreamNonBlocking));
    Check("stream", cudaStreamCreateWithFlags(&streams_[2], cudaStreamNonBlocking));
    Check("stream", cudaStreamCreateWithFlags(&allocations_, cudaStreamNonBlocking));
    Check("stream", cudaStreamCreateWithFlags(&frees_, cudaStreamNonBlocking));
    MakePool();
    workspace_ = Allocate(CudaWorkspaceBytes());
    kernels_ = MakeCudaKernels(streams_[0], workspace_);
    Enter();
  }
  ~CudaDevice() override {
    Free(workspace_);
    if (!status().ok()) return;
    cudaDeviceSynchronize();
    cudaMemPoolDestroy(pool_);
    for (cudaStream_t stream : {streams_[1], streams_[2], allocations_, frees_}) cudaStreamDestroy(stream);
  }

  int cuda_index() const override { return index_; }
  const Kernels& kernels() const override { return *kernels_; }

  void* Allocate(uint64_t num_bytes) override {
    Use();
    if (void* memory = TakeFromPool(num_bytes)) return memory;
    // What is freed but still in use, and what LibTorch keeps for later.
    cudaStreamSynchronize(frees_);
    c10::cuda::CUDACachingAllocator::emptyCache();
    if (void* memory = TakeFromPool(num_bytes)) return memory;
    throw std::bad_alloc();
  }
  // Behind all that is queued on any stream.
  void Free(void* memory) override {
    if (memory == nullptr || !status().ok()) return;
    Use();
    for (Stream stream : {Stream::kCompute, Stream::kExperts, Stream::kPlans}) {
      const DeviceEventPtr event = Record(stream);
      Check("event", cudaStreamWaitEvent(frees_, static_cast<const CudaEvent&>(*event).event, 0));
    }
    Check("free", cudaFreeAsync(memory, frees_));
  }
  void* AllocateHost(uint64_t num_bytes) override {
    Use();
    void* memory = nullptr;
    if (cudaHostAlloc(&memory, num_bytes, cudaHostAllocDefault) == cudaSuccess) return memory;
    cudaGetLastError();
    throw std::bad_alloc();
  }
  void FreeHost(void* memory) override {
    if (memory == nullptr || !status().ok()) return;
    Use();
    Check("free", cudaFreeHost(memory));
  }

  void Upload(Stream stream, void* to, const void* from, uint64_t num_bytes) override {
    Move(stream, to, from, num_bytes, cudaMemcpyHostToDevice);
  }
  void Download(Stream stream, void* to, const void* from, uint64_t num_bytes) override {
    Move(stream, to, from, num_bytes, cudaMemcpyDeviceToHost);
  }
  void Copy(Stream stream, void* to, const void* from, uint64_t num_bytes) override {
    Move(stream, to, from, num_bytes, cudaMemcpyDeviceToDevice);
  }
  void Zero(Stream stream, void* memory, uint64_t num_bytes) override {
    if (num_bytes == 0) return;
    Use();
    Check("memset", cudaMemsetAsync(memory, 0, num_bytes, Of(stream)));
  }

  DeviceEventPtr Record(Stream stream) override {
    Use();
    auto event = std::make_shared<CudaEvent>();
    Check("event", cudaEventCreateWithFlags(&event->event, cudaEventDisableTiming));
    Check("event", cudaEventRecord(event->event, Of(stream)));
    return event;
  }
  void Wait(Stream stream, const DeviceEventPtr& event) override {
    if (event == nullptr) return;
    Use();
    Check("event", cudaStreamWaitEvent(Of(stream), static_cast<const CudaEvent&>(*event).event, 0));
  }
  absl::Status Synchronize(const DeviceEventPtr& event) override {
    if (event == nullptr) return status();
    Use();
    const cudaEvent_t until = static_cast<const CudaEvent&>(*event).event;
    const auto begin = Clock::now();
    cudaError_t state = cudaEventQuery(until);
    while (state == cudaErrorNotReady) {
      const auto waited = Clock::now() - begin;
      if (waited > timeout_) {
        Fail(Error(absl::StatusCode::kDeadlineExceeded,
                   absl::StrCat("the device is not done after ", timeout_.count(), " ms"), Where(),
                   "look at the log of the rank that ended first, then resume from the last checkpoint"));
        return status();
      }
      // A step's end is awaited often, a lost rank once.
      if (waited > std::chrono::milliseconds(1)) std::this_thread::sleep_for(std::chrono::microseconds(50));
      state = cudaEventQuery(until);
    }
    Check("what was queued", state);
    return status();
  }

  void Enter() override {
    Use();
    c10::cuda::setCurrentCUDAStream(compute_);
  }

 private:
  std::string Where() const { return absl::StrCat("CUDA device ", index_); }
  cudaStream_t Of(Stream stream) const { return streams_[static_cast<int>(stream)]; }
  // Threads start with device 0.
  void Use() { Check("set device", cudaSetDevice(index_)); }

  // Memory that was freed is taken again only when nothing uses it any more, so that a stream that does
  // nothing but allocate never waits for one that computes.
  void MakePool() {
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = index_;
    Check("memory pool", cudaMemPoolCreate(&pool_, &properties));
    int no = 0;
    Check("memory pool", cudaMemPoolSetAttribute(pool_, cudaMemPoolReuseAllowInternalDependencies, &no));
    uint64_t everything = UINT64_MAX;
    Check("memory pool", cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &everything));
  }
  void* TakeFromPool(uint64_t num_bytes) {
    void* memory = nullptr;
    const bool taken = cudaMallocFromPoolAsync(&memory, num_bytes == 0 ? 1 : num_bytes, pool_,
                                               allocations_) == cudaSuccess &&
                       cudaStreamSynchronize(allocations_) == cudaSuccess;
    if (!taken) cudaGetLastError();
    return taken ? memory : nullptr;
  }

  void Move(Stream stream, void* to, const void* from, uint64_t num_bytes, cudaMemcpyKind kind) {
    if (num_bytes == 0) return;
    Use();
    Check("copy", cudaMemcpyAsync(to, from, num_bytes, kind, Of(stream)));
  }

  void Check(const char* what, cudaError_t error) {
    if (error == cudaSuccess) return;
    cudaGetLastError();
    Fail(Error(absl::StatusCode::kInternal, absl::StrCat(what, ": ", cudaGetErrorString(error)), Where(),
               "look at nvidia-smi and the kernel's log, then resume from the last checkpoint"));
  }
  void Fail(const absl::Status& status) {
    const MutexLock lock(&mutex_);
    if (status_.ok()) status_ = status;
  }
  absl::Status status() const {
    const MutexLock lock(&mutex_);
    return !status_.ok() || kernels_ == nullptr ? status_ : kernels_->status();
  }

  const int index_;
  const std::chrono::milliseconds timeout_;
  const c10::cuda::CUDAStream compute_;
  cudaStream_t streams_[3] = {};
  cudaStream_t allocations_ = nullptr;
  cudaStream_t frees_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
  void* workspace_ = nullptr;
  std::unique_ptr<CudaKernels> kernels_;
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> MakeCudaDevice(uint32_t index, std::chrono::milliseconds timeout) {
  const int num_devices = c10::cuda::device_count();
  if (num_devices == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "no CUDA device is visible", "device: cuda",
                 "look at nvidia-smi and CUDA_VISIBLE_DEVICES, or train with device: cpu");
  }
  if (index >= static_cast<uint32_t>(num_devices)) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("local rank ", index, " has no device of its own: ", num_devices, " visible"),
                 "device: cuda", "start as many processes on a machine as it has devices");
  }
  try {
    auto device = std::make_unique<CudaDevice>(static_cast<int>(index), timeout);
    GROUTER_RETURN_IF_ERROR(device->Synchronize(device->Record(Stream::kCompute)));
    return std::unique_ptr<Device>(std::move(device));
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kInternal, absl::StrCat("the device does not start: ", error.what()),
                 absl::StrCat("CUDA device ", index), "look at nvidia-smi");
  }
}

}  // namespace grouter

#else

namespace grouter {

absl::StatusOr<std::unique_ptr<Device>> MakeCudaDevice(uint32_t index, std::chrono::milliseconds timeout) {
  return Error(absl::StatusCode::kFailedPrecondition, "this build has no CUDA", "device: cuda",
               "build the trainer with --config=cuda, or train with device: cpu");
}

}  // namespace grouter

#endif
