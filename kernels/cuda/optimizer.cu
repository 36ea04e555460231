#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A thread a number.
__global__ void AdamWKernel(AdamWArgs args) {
  const float step = args.learning_rate / args.correction1;
  const float inverse2 = 1.0f / args.correction2;
  const float keep = 1.0f - args.learning_rate * args.weight_decay;
  for (int64_t i = FirstElement(); i < args.size; i += ElementStride()) {
    const float g = args.gradient[i] * args.gradient_scale;
    const float m = args.beta1 * args.mean[i] + (1.0f - args.beta1) * g;
    const float v = args.beta2 * args.variance[i] + (1.0f - args.beta2) * g * g;
    args.mean[i] = m;
    args.variance[i] = v;
    args.weight[i] = args.weight[i] * keep - step * m / (sqrtf(v * inverse2) + args.epsilon);
  }
}

// A thread a number.
__global__ void AddKernel(int64_t size, const float* x, float* y) {
  for (int64_t i = FirstElement(); i < size; i += ElementStride()) y[i] += x[i];
}

// A partial sum a block: of x, or with `squares` of x^2.
__global__ void PartialSumsKernel(int64_t size, const float* x, bool squares, double* partials) {
  double sum = 0;
  for (int64_t i = FirstElement(); i < size; i += ElementStride()) {
    const double value = x[i];
    sum += squares ? value * value : value;
  }
  sum = BlockSum(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void TotalKernel(const double* partials, int64_t count, double* total) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += partials[i];
  sum = BlockSum(sum);
  if (threadIdx.x == 0) *total += sum;
}

int Sum(int64_t size, const float* x, bool squares, double* total, Workspace* workspace,
        CUstream_st* stream) {
  const LaunchGeometry geometry = PartialSums(size);
  if (geometry.blocks == 0) return cudaSuccess;
  const int error = Launch(geometry, stream, PartialSumsKernel, size, x, squares, workspace->partials);
  if (error != cudaSuccess) return error;
  return Launch(LaunchGeometry{1, kRowThreads}, stream, TotalKernel,
                static_cast<const double*>(workspace->partials), int64_t{geometry.blocks}, total);
}

}  // namespace

int AdamW(const AdamWArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.size), stream, AdamWKernel, args);
}

int Add(int64_t size, const float* x, float* y, CUstream_st* stream) {
  return Launch(ThreadPerElement(size), stream, AddKernel, size, x, y);
}

int AddSum(int64_t size, const float* x, double* sum, Workspace* workspace, CUstream_st* stream) {
  return Sum(size, x, false, sum, workspace, stream);
}

int AddSumOfSquares(int64_t size, const float* x, double* sum, Workspace* workspace, CUstream_st* stream) {
  return Sum(size, x, true, sum, workspace, stream);
}

}  // namespace grouter::cuda
