#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A block a row.
__global__ void SwigluKernel(SwigluArgs args) {
  const int64_t width = args.width;
  for (int64_t t = blockIdx.x; t < args.num_rows; t += gridDim.x) {
    const float* gate = args.gate_up + t * 2 * width;
    const float* up = gate + width;
    float* a = args.a + t * width;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) {
      a[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
    }
  }
}

// A block a row.
__global__ void SwigluBackwardKernel(SwigluBackwardArgs args) {
  const int64_t width = args.width;
  for (int64_t t = blockIdx.x; t < args.num_rows; t += gridDim.x) {
    const float* gate = args.gate_up + t * 2 * width;
    const float* up = gate + width;
    const float* da = args.da + t * width;
    float* weighted_a = args.weighted_a + t * width;
    float* dgate = args.dgate_up + t * 2 * width;
    float* dup = dgate + width;
    const float weight = args.weight[t];
    float sum = 0;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) {
      const float sigmoid = 1.0f / (1.0f + expf(-gate[i]));
      const float silu = gate[i] * sigmoid;
      const float a = silu * up[i];
      const float d = weight * da[i];
      sum += da[i] * a;
      weighted_a[i] = weight * a;
      dgate[i] = d * up[i] * (sigmoid + silu * (1.0f - sigmoid));
      dup[i] = d * silu;
    }
    sum = BlockSum(sum);
    if (threadIdx.x == 0) args.dweight[t] = sum;
  }
}

}  // namespace

int Swiglu(const SwigluArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_rows), stream, SwigluKernel, args);
}

int SwigluBackward(const SwigluBackwardArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_rows), stream, SwigluBackwardKernel, args);
}

}  // namespace grouter::cuda
