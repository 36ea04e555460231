#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A block a row.
__global__ void RmsNormKernel(RmsNormArgs args) {
  const int64_t width = args.width;
  for (int64_t t = blockIdx.x; t < args.num_rows; t += gridDim.x) {
    const float* x = args.x + t * width;
    float* y = args.y + t * width;
    float squares = 0;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) squares += x[i] * x[i];
    squares = BlockSum(squares);
    const float inverse = 1.0f / sqrtf(squares / static_cast<float>(width) + args.epsilon);
    if (threadIdx.x == 0) args.inverse_rms[t] = inverse;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) y[i] = x[i] * inverse * args.gain[i];
  }
}

// A block a row.
__global__ void RmsNormInputGradientKernel(RmsNormBackwardArgs args) {
  const int64_t width = args.width;
  for (int64_t t = blockIdx.x; t < args.num_rows; t += gridDim.x) {
    const float* x = args.x + t * width;
    const float* dy = args.dy + t * width;
    float* dx = args.dx + t * width;
    const float inverse = args.inverse_rms[t];
    float dot = 0;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) dot += dy[i] * args.gain[i] * x[i];
    dot = BlockSum(dot);
    const float pull = dot * inverse * inverse * inverse / static_cast<float>(width);
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) {
      dx[i] += dy[i] * args.gain[i] * inverse - x[i] * pull;
    }
  }
}

// A block 32 columns, a warp every eighth row; the warps' sums are added in their order.
__global__ void RmsNormGainGradientKernel(RmsNormBackwardArgs args) {
  __shared__ float sums[kColumnLanes][kWarp];
  const int64_t width = args.width;
  const unsigned column_in_block = threadIdx.x % kWarp;
  const unsigned lane = threadIdx.x / kWarp;
  for (int64_t first = int64_t{blockIdx.x} * kWarp; first < width; first += int64_t{gridDim.x} * kWarp) {
    const int64_t column = first + column_in_block;
    float sum = 0;
    if (column < width) {
      for (int64_t t = lane; t < args.num_rows; t += kColumnLanes) {
        sum += args.dy[t * width + column] * args.x[t * width + column] * args.inverse_rms[t];
      }
    }
    __syncthreads();  // the sums of the columns before were read
    sums[lane][column_in_block] = sum;
    __syncthreads();
    if (lane == 0 && column < width) {
      float total = 0;
      for (int l = 0; l < kColumnLanes; ++l) total += sums[l][column_in_block];
      args.dgain[column] += total;
    }
  }
}

// A thread a pair of numbers that rotate together.
__global__ void RopeKernel(RopeArgs args) {
  const int64_t half = args.head_size / 2;
  const int64_t pairs = args.num_rows * args.num_heads * half;
  const float sign = args.inverse ? -1.0f : 1.0f;
  for (int64_t n = FirstElement(); n < pairs; n += ElementStride()) {
    const int64_t i = n % half;
    const int64_t head = n / half % args.num_heads;
    const int64_t t = n / half / args.num_heads;
    const int64_t angle = args.positions[t] * half + i;
    float* low = args.x + t * args.row_stride + head * args.head_size + i;
    float* high = low + half;
    const float a = *low;
    const float b = *high;
    const float c = args.cosines[angle];
    const float s = sign * args.sines[angle];
    *low = a * c - b * s;
    *high = b * c + a * s;
  }
}

}  // namespace

int RmsNorm(const RmsNormArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_rows), stream, RmsNormKernel, args);
}

int RmsNormBackward(const RmsNormBackwardArgs& args, CUstream_st* stream) {
  if (args.num_rows == 0) return cudaSuccess;
  const int error = Launch(BlockPerRow(args.num_rows), stream, RmsNormInputGradientKernel, args);
  if (error != cudaSuccess) return error;
  return Launch(ColumnSums(args.width), stream, RmsNormGainGradientKernel, args);
}

int Rope(const RopeArgs& args, CUstream_st* stream) {
  const int64_t pairs = args.num_rows * args.num_heads * (args.head_size / 2);
  return Launch(ThreadPerElement(pairs), stream, RopeKernel, args);
}

}  // namespace grouter::cuda
