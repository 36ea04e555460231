// What the .cu files share: launching, and sums in a fixed order inside a warp and a block.
#ifndef GROUTER_KERNELS_CUDA_LAUNCH_CUH_
#define GROUTER_KERNELS_CUDA_LAUNCH_CUH_

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda/launch_geometry.h"

namespace grouter::cuda {

inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// Queues kernel(args...) on `stream`. Returns a cudaError_t; a launch that was refused leaves no error behind
// for somebody else to find.
template <typename... Parameters, typename... Arguments>
int Launch(const LaunchGeometry& geometry, CUstream_st* stream, void (*kernel)(Parameters...),
           Arguments... arguments) {
  if (geometry.blocks == 0) return cudaSuccess;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(geometry.blocks);
  config.blockDim = dim3(geometry.threads);
  config.stream = stream;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, arguments...);
  if (error != cudaSuccess) cudaGetLastError();
  return error;
}

__device__ inline int64_t FirstElement() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t ElementStride() { return int64_t{gridDim.x} * blockDim.x; }

// On every lane the same sum: a butterfly, each step of which adds the same two numbers on both sides.
template <typename T>
__device__ inline T WarpSum(T value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, distance);
  }
  return value;
}

template <typename T>
__device__ inline T WarpMax(T value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

// On every thread the warps' sums added in the order of warps. All threads of the block call.
template <typename T>
__device__ inline T BlockSum(T value) {
  __shared__ T of_warp[kWideRowThreads / kWarp];
  value = WarpSum(value);
  __syncthreads();  // an earlier call's readers are done
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  T sum = 0;
  for (unsigned warp = 0; warp < blockDim.x / kWarp; ++warp) sum += of_warp[warp];
  return sum;
}

template <typename T>
__device__ inline T BlockMax(T value) {
  __shared__ T of_warp[kWideRowThreads / kWarp];
  value = WarpMax(value);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  T max = of_warp[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) max = of_warp[warp] > max ? of_warp[warp] : max;
  return max;
}

}  // namespace grouter::cuda

#endif  // GROUTER_KERNELS_CUDA_LAUNCH_CUH_
