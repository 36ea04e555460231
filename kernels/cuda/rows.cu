#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A block a row.
__global__ void GatherRowsKernel(GatherRowsArgs args) {
  for (int64_t i = blockIdx.x; i < args.num_rows; i += gridDim.x) {
    const float* in = args.in + args.index[i] * args.in_stride;
    float* out = args.out + i * args.out_stride;
    for (int64_t j = threadIdx.x; j < args.width; j += blockDim.x) out[j] = in[j];
  }
}

__device__ inline void AddRow(const ScatterAddRowsArgs& args, int64_t i, float* out) {
  const float* in = args.in + i * args.in_stride;
  const float scale = args.scale == nullptr ? 1.0f : args.scale[i];
  for (int64_t j = threadIdx.x; j < args.width; j += blockDim.x) out[j] += scale * in[j];
}

// A block a row of `in`; only the block of the first row that goes to a row of `out` adds there. A thread
// adds the same columns for each i, so its own order is the order of the sum.
__global__ void ScatterAddRowsKernel(ScatterAddRowsArgs args) {
  __shared__ unsigned found[kRowThreads / kWarp];  // a bit a row of the tile that goes to the same place
  const unsigned lane = threadIdx.x % kWarp;
  for (int64_t i = blockIdx.x; i < args.num_rows; i += gridDim.x) {
    const int32_t place = args.index[i];
    bool is_later = false;
    for (int64_t j = threadIdx.x; j < i && !is_later; j += blockDim.x) is_later = args.index[j] == place;
    if (__syncthreads_or(is_later)) continue;
    float* out = args.out + place * args.out_stride;
    AddRow(args, i, out);
    for (int64_t tile = i + 1; tile < args.num_rows; tile += blockDim.x) {
      const int64_t j = tile + threadIdx.x;
      const unsigned bits = __ballot_sync(kAllLanes, j < args.num_rows && args.index[j] == place);
      if (lane == 0) found[threadIdx.x / kWarp] = bits;
      __syncthreads();
      for (int warp = 0; warp < kRowThreads / kWarp; ++warp) {
        for (unsigned left = found[warp]; left != 0; left &= left - 1) {
          AddRow(args, tile + warp * kWarp + __ffs(static_cast<int>(left)) - 1, out);
        }
      }
      __syncthreads();  // before the next tile's bits
    }
  }
}

}  // namespace

int GatherRows(const GatherRowsArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_rows), stream, GatherRowsKernel, args);
}

int ScatterAddRows(const ScatterAddRowsArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_rows), stream, ScatterAddRowsKernel, args);
}

}  // namespace grouter::cuda
