#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

constexpr int kRowWarps = kRowThreads / kWarp;

// Greater for a higher score, then for a lower id; every expert's differs. What is not a number comes last.
__device__ inline uint64_t TopkKey(float score, int64_t id) {
  const unsigned bits = __float_as_uint(score + 0.0f);  // one zero
  const unsigned ordered = score != score ? 0u : ((bits >> 31) != 0 ? ~bits : bits | 0x80000000u);
  return uint64_t{ordered} << 32 | (0xFFFFFFFFu - static_cast<unsigned>(id));
}

// A warp a token: k times the highest key below the one before.
__global__ void SelectTopkKernel(SelectTopkArgs args) {
  const unsigned lane = threadIdx.x % kWarp;
  for (int64_t t = int64_t{blockIdx.x} * kRowWarps + threadIdx.x / kWarp; t < args.num_tokens;
       t += int64_t{gridDim.x} * kRowWarps) {
    const float* scores = args.scores + t * args.num_experts;
    unsigned long long last = ~0ull;
    for (int64_t j = 0; j < args.k; ++j) {
      unsigned long long best = 0;
      for (int64_t e = lane; e < args.num_experts; e += kWarp) {
        const float score = args.bias == nullptr ? scores[e] : scores[e] + args.bias[e];
        const unsigned long long key = TopkKey(score, e);
        if (key < last && key > best) best = key;
      }
      last = WarpMax(best);
      if (lane == 0) {
        args.ids[t * args.k + j] = static_cast<int32_t>(0xFFFFFFFFu - static_cast<unsigned>(last));
      }
    }
  }
}

// A thread a token: k is at most 16.
__global__ void GateWeightsKernel(GateWeightsArgs args) {
  for (int64_t t = FirstElement(); t < args.num_tokens; t += ElementStride()) {
    const float* scores = args.scores + t * args.num_experts;
    const int32_t* ids = args.ids + t * args.k;
    float* weights = args.weights + t * args.k;
    float max = -INFINITY;
    for (int64_t j = 0; j < args.k; ++j) {
      if (ids[j] >= 0 && scores[ids[j]] > max) max = scores[ids[j]];
    }
    float sum = 0;
    for (int64_t j = 0; j < args.k; ++j) {
      weights[j] = ids[j] < 0 ? 0.0f : expf(scores[ids[j]] - max);
      sum += weights[j];
    }
    if (sum == 0) continue;
    for (int64_t j = 0; j < args.k; ++j) weights[j] /= sum;
  }
}

// A thread a token.
__global__ void GateWeightsBackwardKernel(GateWeightsBackwardArgs args) {
  for (int64_t t = FirstElement(); t < args.num_tokens; t += ElementStride()) {
    const int32_t* ids = args.ids + t * args.k;
    const float* weights = args.weights + t * args.k;
    const float* dweights = args.dweights + t * args.k;
    float mean = 0;
    for (int64_t j = 0; j < args.k; ++j) mean += weights[j] * dweights[j];
    for (int64_t j = 0; j < args.k; ++j) {
      if (ids[j] >= 0) args.dscores[t * args.num_experts + ids[j]] += weights[j] * (dweights[j] - mean);
    }
  }
}

// A warp a token; a block's tokens' losses are added in the order of tokens, then of warps.
__global__ void RouterLossKernel(RouterLossArgs args, double* partials) {
  __shared__ double of_warp[2][kRowWarps];
  const unsigned lane = threadIdx.x % kWarp;
  const int64_t n = args.num_experts;
  double balance = 0;
  double z = 0;
  for (int64_t t = int64_t{blockIdx.x} * kRowWarps + threadIdx.x / kWarp; t < args.num_tokens;
       t += int64_t{gridDim.x} * kRowWarps) {
    const float* x = args.scores + t * n;
    float* dx = args.dscores + t * n;
    float max = -INFINITY;
    for (int64_t e = lane; e < n; e += kWarp) max = x[e] > max ? x[e] : max;
    max = WarpMax(max);
    float sum = 0;
    float shared = 0;
    for (int64_t e = lane; e < n; e += kWarp) {
      const float power = expf(x[e] - max);
      sum += power;
      shared += power * args.share[e];
    }
    sum = WarpSum(sum);
    const float mean = WarpSum(shared) / sum;
    const float log_sum = logf(sum) + max;
    const float z_pull = 2.0f * args.z_scale * log_sum;
    for (int64_t e = lane; e < n; e += kWarp) {
      const float p = expf(x[e] - max) / sum;
      dx[e] += p * (args.balance_scale * (args.share[e] - mean) + z_pull);
    }
    balance += double{args.balance_scale} * mean;
    z += double{args.z_scale} * log_sum * log_sum;
  }
  if (lane == 0) {
    of_warp[0][threadIdx.x / kWarp] = balance;
    of_warp[1][threadIdx.x / kWarp] = z;
  }
  __syncthreads();
  if (threadIdx.x < 2) {
    double total = 0;
    for (int warp = 0; warp < kRowWarps; ++warp) total += of_warp[threadIdx.x][warp];
    partials[threadIdx.x * kReductionBlocks + blockIdx.x] = total;
  }
}

__global__ void RouterLossTotalsKernel(RouterLossArgs args, const double* partials, int64_t count) {
  if (threadIdx.x >= 2) return;
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += partials[threadIdx.x * kReductionBlocks + i];
  *(threadIdx.x == 0 ? args.balance : args.z) += total;
}

}  // namespace

int SelectTopk(const SelectTopkArgs& args, CUstream_st* stream) {
  return Launch(WarpPerRow(args.num_tokens), stream, SelectTopkKernel, args);
}

int GateWeights(const GateWeightsArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.num_tokens), stream, GateWeightsKernel, args);
}

int GateWeightsBackward(const GateWeightsBackwardArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.num_tokens), stream, GateWeightsBackwardKernel, args);
}

int RouterLoss(const RouterLossArgs& args, Workspace* workspace, CUstream_st* stream) {
  const LaunchGeometry geometry = PartialRowSums(args.num_tokens);
  if (geometry.blocks == 0) return cudaSuccess;
  const int error = Launch(geometry, stream, RouterLossKernel, args, workspace->partials);
  if (error != cudaSuccess) return error;
  return Launch(LaunchGeometry{1, kWarp}, stream, RouterLossTotalsKernel, args,
                static_cast<const double*>(workspace->partials), int64_t{geometry.blocks});
}

}  // namespace grouter::cuda
