// Kernels on a CUDA device, queued on one stream. Built with --config=cuda.
#ifndef GROUTER_KERNELS_CUDA_CUDA_KERNELS_H_
#define GROUTER_KERNELS_CUDA_CUDA_KERNELS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "kernels/kernels.h"

struct CUstream_st;

namespace grouter {

// Kernels whose pointers are a device's: each call queues its work on the stream and returns at once; a
// number that a call yields (a sum) lies on the device. Used from any one thread at a time.
class CudaKernels : public Kernels {
 public:
  // OK, or the first launch that was refused: INTERNAL, naming the kernel; after one
  // the results are of no use. Waits for nothing: what fails while it runs is found when the stream is waited
  // for.
  virtual absl::Status status() const = 0;
};

// Device memory that one stream's kernels need, in bytes, at a 16-byte boundary.
uint64_t CudaWorkspaceBytes();

// On `stream` (a cudaStream_t of the current device; nullptr: the default one) with `workspace` of
// CudaWorkspaceBytes. Both are the caller's and outlive it.
std::unique_ptr<CudaKernels> MakeCudaKernels(CUstream_st* stream, void* workspace);

}  // namespace grouter

#endif  // GROUTER_KERNELS_CUDA_CUDA_KERNELS_H_
