#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A block a row.
__global__ void CrossEntropyKernel(CrossEntropyArgs args) {
  const int64_t n = args.num_classes;
  for (int64_t t = blockIdx.x; t < args.num_rows; t += gridDim.x) {
    float* x = args.logits + t * n;
    const int32_t label = args.labels[t];
    if (label < 0) {
      if (threadIdx.x == 0) args.losses[t] = 0;
      if (args.want_gradient) {
        for (int64_t i = threadIdx.x; i < n; i += blockDim.x) x[i] = 0;
      }
      continue;
    }
    float max = -INFINITY;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) max = x[i] > max ? x[i] : max;
    const float target = x[label];  // before anybody passes the barrier below and writes
    max = BlockMax(max);
    float sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const float power = expf(x[i] - max);
      if (args.want_gradient) x[i] = power;
      sum += power;
    }
    sum = BlockSum(sum);
    if (threadIdx.x == 0) args.losses[t] = logf(sum) + max - target;
    if (!args.want_gradient) continue;
    const float scale = args.scale / sum;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      x[i] = x[i] * scale - (i == label ? args.scale : 0.0f);
    }
  }
}

}  // namespace

int CrossEntropy(const CrossEntropyArgs& args, CUstream_st* stream) {
  return Launch(WideBlockPerRow(args.num_rows), stream, CrossEntropyKernel, args);
}

}  // namespace grouter::cuda
