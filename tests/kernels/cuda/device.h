// Arrays on a device, and kernels there: the emulated device or a GPU, whichever the test was built for.
#ifndef GROUTER_TESTS_KERNELS_CUDA_DEVICE_H_
#define GROUTER_TESTS_KERNELS_CUDA_DEVICE_H_

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "kernels/cuda/cuda_kernels.h"

namespace grouter {

// An array on the device; freed with it.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : size_(values.size()) {
    EXPECT_EQ(cudaMalloc(reinterpret_cast<void**>(&data_), size_ * sizeof(T) + 1), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
  }
  explicit DeviceArray(int64_t size) : DeviceArray(std::vector<T>(size)) {}  // zeros
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  T* data() const { return data_; }
  // Waits for all that was queued.
  std::vector<T> values() const {
    std::vector<T> values(size_);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  const size_t size_;
};

// Kernels on the default stream; every launch must have worked when it goes.
class DeviceKernels {
 public:
  DeviceKernels()
      : workspace_(static_cast<int64_t>(CudaWorkspaceBytes())),
        kernels_(MakeCudaKernels(nullptr, workspace_.data())) {}
  ~DeviceKernels() { EXPECT_TRUE(kernels_->status().ok()) << kernels_->status(); }
  const CudaKernels* operator->() const { return kernels_.get(); }

 private:
  const DeviceArray<char> workspace_;
  const std::unique_ptr<CudaKernels> kernels_;
};

inline void ExpectNear(const std::vector<float>& ours, const std::vector<float>& twin, float tolerance) {
  ASSERT_EQ(ours.size(), twin.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], twin[i], tolerance * (1 + std::abs(twin[i]))) << "at " << i;
  }
}

}  // namespace grouter

#endif  // GROUTER_TESTS_KERNELS_CUDA_DEVICE_H_
