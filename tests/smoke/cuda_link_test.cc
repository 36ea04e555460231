// The CUDA build links, starts on any machine, and says so where there is no GPU instead of crashing.
#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <nccl.h>

#include <array>

#include "tests/smoke/add_one.h"

namespace grouter {
namespace {

bool GpuIsHere() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}

TEST(CudaLink, NcclIsTheVersionThatWasPinned) {
  int version = 0;
  ASSERT_EQ(ncclGetVersion(&version), ncclSuccess);
  EXPECT_EQ(version, 22809);
}

TEST(CudaLink, LibTorchSeesAGpuExactlyWhereThereIsOne) {
  EXPECT_EQ(at::globalContext().hasCUDA(), GpuIsHere());
}

TEST(CudaLink, TensorsOfTheCpuWorkBesideTheCudaLibraries) {
  EXPECT_EQ(at::sum(at::ones({2, 3})).item<float>(), 6.0f);
}

TEST(CudaLink, AKernelLaunchWithoutAGpuReturnsAnError) {
  if (GpuIsHere()) GTEST_SKIP() << "a GPU is here: the launch works (tests with the tag gpu run it)";
  EXPECT_NE(LaunchAddOne(nullptr, 1), static_cast<int>(cudaSuccess));
}

TEST(CudaLink, AKernelComputesWhereThereIsAGpu) {
  if (!GpuIsHere()) GTEST_SKIP() << "no GPU on this machine";
  std::array<float, 300> host{};
  float* device = nullptr;
  ASSERT_EQ(cudaMalloc(reinterpret_cast<void**>(&device), sizeof(host)), cudaSuccess);
  ASSERT_EQ(cudaMemset(device, 0, sizeof(host)), cudaSuccess);
  ASSERT_EQ(LaunchAddOne(device, host.size()), static_cast<int>(cudaSuccess));
  ASSERT_EQ(cudaMemcpy(host.data(), device, sizeof(host), cudaMemcpyDeviceToHost), cudaSuccess);
  for (float value : host) EXPECT_EQ(value, 1.0f);
  EXPECT_EQ(cudaFree(device), cudaSuccess);
}

}  // namespace
}  // namespace grouter
