#include "kernels/cuda/cuda_kernels.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "tests/kernels/cuda/device.h"

namespace grouter {
namespace {

TEST(CudaKernels, ALaunchThatIsRefusedIsAStatusThatNamesTheKernel) {
  const DeviceArray<char> workspace(static_cast<int64_t>(CudaWorkspaceBytes()));
  const auto kernels = MakeCudaKernels(nullptr, workspace.data());
  const DeviceArray<float> x({1, 2}), y({3, 4});
  kernels->Add(2, x.data(), y.data());
  EXPECT_TRUE(kernels->status().ok());
  emulator::RefuseLaunches(cudaErrorNoDevice);
  kernels->Swiglu({1, 1, x.data(), y.data()});
  emulator::RefuseLaunches(cudaSuccess);
  kernels->Add(2, x.data(), y.data());
  const absl::Status status = kernels->status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_NE(status.message().find("Swiglu"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("no CUDA-capable device"), absl::string_view::npos) << status;
}

TEST(CudaKernels, NothingToDoNeedsNoDevice) {
  emulator::RefuseLaunches(cudaErrorNoDevice);
  {
    const DeviceKernels kernels;
    kernels->RmsNorm({});
    kernels->RmsNormBackward({});
    kernels->Rope({});
    kernels->GatherRows({});
    kernels->ScatterAddRows({});
    kernels->Swiglu({});
    kernels->SwigluBackward({});
    kernels->CrossEntropy({});
    kernels->SelectTopk({});
    kernels->GateWeights({});
    kernels->GateWeightsBackward({});
    kernels->RouterLoss({});
    kernels->PackPairs({});
    kernels->SortPairs({});
    kernels->PackPairGradients({});
    kernels->UnpackPairGradients({});
    kernels->RelayPairs({});
    kernels->RelayPairGradients({});
    kernels->AdamW({});
    kernels->Add(0, nullptr, nullptr);
    kernels->AddSum(0, nullptr, nullptr);
    kernels->AddSumOfSquares(0, nullptr, nullptr);
  }
  emulator::RefuseLaunches(cudaSuccess);
}

}  // namespace
}  // namespace grouter
