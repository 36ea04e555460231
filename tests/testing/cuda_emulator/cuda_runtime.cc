#include "tests/testing/cuda_emulator/cuda_runtime.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace grouter::emulator {
namespace {

constexpr unsigned kWarp = 32;

// Threads of a warp or a block that wait for each other.
class Barrier {
 public:
  explicit Barrier(unsigned count) { pthread_barrier_init(&barrier_, nullptr, count); }
  ~Barrier() { pthread_barrier_destroy(&barrier_); }
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  void Wait() { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

// What the threads of the running block share.
struct Block {
  explicit Block(unsigned threads) : all(threads), mailboxes(threads) {
    for (unsigned first = 0; first < threads; first += kWarp) {
      warps.push_back(std::make_unique<Barrier>(threads - first < kWarp ? threads - first : kWarp));
    }
  }
  Barrier all;
  std::vector<std::unique_ptr<Barrier>> warps;
  std::vector<uint64_t> mailboxes;
};

std::atomic<int> refused{cudaSuccess};
thread_local Block* block = nullptr;

}  // namespace

void SyncBlock() { block->all.Wait(); }
void SyncWarp() { block->warps[threadIdx.x / kWarp]->Wait(); }
uint64_t& Mailbox(unsigned thread) { return block->mailboxes[thread]; }
void RefuseLaunches(cudaError_t error) { refused = error; }

cudaError_t Run(dim3 grid, dim3 threads_of_block, const std::function<void()>& body) {
  static std::mutex* one_launch = new std::mutex;
  const std::lock_guard<std::mutex> lock(*one_launch);
  if (refused != cudaSuccess) return static_cast<cudaError_t>(refused.load());
  // What a real device refuses, and what our warps' sums rely on.
  const unsigned size = threads_of_block.x;
  if (grid.x == 0 || size == 0 || size > 1024 || size % kWarp != 0) return cudaErrorInvalidConfiguration;
  Block shared(size);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < size; ++thread) {
    threads.emplace_back([&, thread] {
      block = &shared;
      gridDim = grid;
      blockDim = threads_of_block;
      threadIdx = dim3(thread);
      for (unsigned b = 0; b < grid.x; ++b) {
        blockIdx = dim3(b);
        body();
        SyncBlock();  // blocks share the static arrays
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return cudaSuccess;
}

}  // namespace grouter::emulator

int __syncthreads_or(int predicate) {
  using namespace grouter::emulator;
  const unsigned me = threadIdx.x;
  Mailbox(me) = predicate != 0;
  SyncBlock();
  bool any = false;
  for (unsigned thread = 0; thread < blockDim.x; ++thread) any |= Mailbox(thread) != 0;
  SyncBlock();
  return any;
}

unsigned __ballot_sync(unsigned, int predicate) {
  using namespace grouter::emulator;
  const unsigned me = threadIdx.x;
  const unsigned first = me / 32 * 32;
  Mailbox(me) = predicate != 0;
  SyncWarp();
  unsigned bits = 0;
  for (unsigned lane = 0; lane < 32 && first + lane < blockDim.x; ++lane) {
    if (Mailbox(first + lane) != 0) bits |= 1u << lane;
  }
  SyncWarp();
  return bits;
}

const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorNoDevice) return "no CUDA-capable device is detected";
  return error == cudaErrorInvalidConfiguration ? "invalid configuration argument" : "no error";
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, size_t num_bytes) {
  *memory = std::malloc(num_bytes == 0 ? 1 : num_bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t num_bytes, cudaMemcpyKind) {
  if (num_bytes > 0) std::memcpy(to, from, num_bytes);
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
