#include <cuda_runtime_api.h>

#include "tests/smoke/add_one.h"

namespace grouter {
namespace {

__global__ void AddOne(float* values, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] += 1.0f;
}

}  // namespace

int LaunchAddOne(float* values, int n) {
  AddOne<<<(n + 127) / 128, 128>>>(values, n);
  return static_cast<int>(cudaGetLastError());
}

}  // namespace grouter
