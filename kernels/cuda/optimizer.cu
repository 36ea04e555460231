#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A thread a number.
__global__ void AdamWKernel(AdamWArgs args) {
  if (args.decision != nullptr) {
    if (args.decision->applied == 0) return;
    args.gradient_scale = args.decision->gradient_scale;
    args.correction1 = args.decision->correction1;
    args.correction2 = args.decision->correction2;
  }
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

// One thread.
__global__ void DecideUpdateKernel(DecideUpdateArgs args) {
  if (threadIdx.x != 0) return;
  UpdateDecision& decision = *args.decision;
  decision.gradient_norm = sqrt(*args.squares);
  decision.applied = isfinite(decision.gradient_norm) && isfinite(*args.loss) ? 1 : 0;
  if (decision.applied == 0) return;
  ++decision.num_updates;
  const bool clips = args.clip_norm > 0 && decision.gradient_norm > args.clip_norm;
  decision.gradient_scale = static_cast<float>(clips ? args.clip_norm / decision.gradient_norm : 1.0);
  const double t = static_cast<double>(decision.num_updates);
  decision.correction1 = static_cast<float>(1 - pow(args.beta1, t));
  decision.correction2 = static_cast<float>(1 - pow(args.beta2, t));
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

int DecideUpdate(const DecideUpdateArgs& args, CUstream_st* stream) {
  return Launch(LaunchGeometry{1, kWarp}, stream, DecideUpdateKernel, args);
}

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
