#include "kernels/cuda/cuda_kernels.h"

#include <cuda_runtime_api.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "kernels/cuda/launchers.h"

namespace grouter {
namespace {

class CudaKernelsImpl : public CudaKernels {
 public:
  CudaKernelsImpl(CUstream_st* stream, void* workspace)
      : stream_(stream), workspace_(static_cast<cuda::Workspace*>(workspace)) {}

  void RmsNorm(const RmsNormArgs& args) const override { Note("RmsNorm", cuda::RmsNorm(args, stream_)); }
  void RmsNormBackward(const RmsNormBackwardArgs& args) const override {
    Note("RmsNormBackward", cuda::RmsNormBackward(args, stream_));
  }
  void Rope(const RopeArgs& args) const override { Note("Rope", cuda::Rope(args, stream_)); }
  void GatherRows(const GatherRowsArgs& args) const override {
    Note("GatherRows", cuda::GatherRows(args, stream_));
  }
  void ScatterAddRows(const ScatterAddRowsArgs& args) const override {
    Note("ScatterAddRows", cuda::ScatterAddRows(args, stream_));
  }
  void Swiglu(const SwigluArgs& args) const override { Note("Swiglu", cuda::Swiglu(args, stream_)); }
  void SwigluBackward(const SwigluBackwardArgs& args) const override {
    Note("SwigluBackward", cuda::SwigluBackward(args, stream_));
  }
  void CrossEntropy(const CrossEntropyArgs& args) const override {
    Note("CrossEntropy", cuda::CrossEntropy(args, stream_));
  }
  void SelectTopk(const SelectTopkArgs& args) const override {
    Note("SelectTopk", cuda::SelectTopk(args, stream_));
  }
  void GateWeights(const GateWeightsArgs& args) const override {
    Note("GateWeights", cuda::GateWeights(args, stream_));
  }
  void GateWeightsBackward(const GateWeightsBackwardArgs& args) const override {
    Note("GateWeightsBackward", cuda::GateWeightsBackward(args, stream_));
  }
  void RouterLoss(const RouterLossArgs& args) const override {
    Note("RouterLoss", cuda::RouterLoss(args, workspace_, stream_));
  }
  void PackPairs(const PackPairsArgs& args) const override {
    Note("PackPairs", cuda::PackPairs(args, stream_));
  }
  void SortPairs(const SortPairsArgs& args) const override {
    Note("SortPairs", cuda::SortPairs(args, stream_));
  }
  void PackPairGradients(const PackPairGradientsArgs& args) const override {
    Note("PackPairGradients", cuda::PackPairGradients(args, stream_));
  }
  void UnpackPairGradients(const UnpackPairGradientsArgs& args) const override {
    Note("UnpackPairGradients", cuda::UnpackPairGradients(args, stream_));
  }
  void RelayPairs(const RelayPairsArgs& args) const override {
    Note("RelayPairs", cuda::RelayPairs(args, stream_));
  }
  void RelayPairGradients(const RelayPairGradientsArgs& args) const override {
    Note("RelayPairGradients", cuda::RelayPairGradients(args, stream_));
  }
  void DecideUpdate(const DecideUpdateArgs& args) const override {
    Note("DecideUpdate", cuda::DecideUpdate(args, stream_));
  }
  void AdamW(const AdamWArgs& args) const override { Note("AdamW", cuda::AdamW(args, stream_)); }
  void Add(int64_t size, const float* x, float* y) const override {
    Note("Add", cuda::Add(size, x, y, stream_));
  }
  void AddSum(int64_t size, const float* x, double* sum) const override {
    Note("AddSum", cuda::AddSum(size, x, sum, workspace_, stream_));
  }
  void AddSumOfSquares(int64_t size, const float* x, double* sum) const override {
    Note("AddSumOfSquares", cuda::AddSumOfSquares(size, x, sum, workspace_, stream_));
  }

  absl::Status status() const override {
    if (failed_.load() == nullptr) return absl::OkStatus();
    const auto error = static_cast<cudaError_t>(error_.load());
    return Error(
        absl::StatusCode::kInternal, absl::StrCat("CUDA kernel not launched: ", cudaGetErrorString(error)),
        failed_.load(),
        "look at nvidia-smi: the driver must be for CUDA 13 and the device of compute capability 8.0, "
        "9.0 or 10.0");
  }

 private:
  void Note(const char* kernel, int error) const {
    if (error == cudaSuccess || failed_.load() != nullptr) return;
    error_.store(error);
    failed_.store(kernel);
  }

  CUstream_st* const stream_;
  cuda::Workspace* const workspace_;
  mutable std::atomic<int> error_{0};
  mutable std::atomic<const char*> failed_{nullptr};
};

}  // namespace

uint64_t CudaWorkspaceBytes() { return sizeof(cuda::Workspace); }

std::unique_ptr<CudaKernels> MakeCudaKernels(CUstream_st* stream, void* workspace) {
  return std::make_unique<CudaKernelsImpl>(stream, workspace);
}

}  // namespace grouter
