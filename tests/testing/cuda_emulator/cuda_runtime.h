// A device that is this machine's threads: enough of the CUDA runtime's names to compile our .cu files as C++
// and run them. Threads of a block are threads of the process, __syncthreads a barrier of them, a launch
// returns when the kernel is done, and device memory is the process's. What ThreadSanitizer says of such a
// run holds for the kernel: a missing barrier is a race.
//
// One launch at a time. Slow: for small shapes.
#ifndef GROUTER_TESTS_TESTING_CUDA_EMULATOR_CUDA_RUNTIME_H_
#define GROUTER_TESTS_TESTING_CUDA_EMULATOR_CUDA_RUNTIME_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __shared__ static

struct CUstream_st;
using cudaStream_t = CUstream_st*;
enum cudaError_t : int { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9, cudaErrorNoDevice = 100 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3(unsigned x = 1) : x(x) {}
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  cudaStream_t stream = nullptr;
};

namespace grouter::emulator {

// Runs `body` as each thread of each block of a grid, blocks one after the other.
cudaError_t Run(dim3 grid, dim3 block, const std::function<void()>& body);
void SyncBlock();
void SyncWarp();
// A place of 8 bytes for each thread of the block, to be read between two SyncWarps.
uint64_t& Mailbox(unsigned thread);
// Every launch from now on is refused with this; cudaSuccess: none is.
void RefuseLaunches(cudaError_t error);

}  // namespace grouter::emulator

inline thread_local dim3 gridDim, blockDim, blockIdx, threadIdx;

inline void __syncthreads() { ::grouter::emulator::SyncBlock(); }
int __syncthreads_or(int predicate);
unsigned __ballot_sync(unsigned mask, int predicate);

template <typename T>
T __shfl_xor_sync(unsigned, T value, int lane_mask) {
  static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable<T>::value, "a register's worth");
  const unsigned me = threadIdx.x;
  std::memcpy(&::grouter::emulator::Mailbox(me), &value, sizeof(T));
  ::grouter::emulator::SyncWarp();
  T other;
  std::memcpy(&other, &::grouter::emulator::Mailbox(me ^ static_cast<unsigned>(lane_mask)), sizeof(T));
  ::grouter::emulator::SyncWarp();
  return other;
}

inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int atomicOr(int* at, int bits) { return __atomic_fetch_or(at, bits, __ATOMIC_RELAXED); }
inline int __ffs(int value) { return __builtin_ffs(value); }
using std::isfinite;
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
  const dim3 grid = config->gridDim, block = config->blockDim;
  return ::grouter::emulator::Run(grid, block, [&] { kernel(arguments...); });
}

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaMalloc(void** memory, size_t num_bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemcpy(void* to, const void* from, size_t num_bytes, cudaMemcpyKind kind);
cudaError_t cudaDeviceSynchronize();

#endif  // GROUTER_TESTS_TESTING_CUDA_EMULATOR_CUDA_RUNTIME_H_
