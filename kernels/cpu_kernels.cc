#include "kernels/gate.h"
#include "kernels/kernels.h"
#include "kernels/loss.h"
#include "kernels/norm.h"
#include "kernels/optimizer.h"
#include "kernels/pairs.h"
#include "kernels/rows.h"
#include "kernels/swiglu.h"

namespace grouter {
namespace {

class CpuKernelsImpl : public Kernels {
 public:
  void RmsNorm(const RmsNormArgs& args) const override { cpu::RmsNorm(args); }
  void RmsNormBackward(const RmsNormBackwardArgs& args) const override { cpu::RmsNormBackward(args); }
  void Rope(const RopeArgs& args) const override { cpu::Rope(args); }
  void GatherRows(const GatherRowsArgs& args) const override { cpu::GatherRows(args); }
  void ScatterAddRows(const ScatterAddRowsArgs& args) const override { cpu::ScatterAddRows(args); }
  void Swiglu(const SwigluArgs& args) const override { cpu::Swiglu(args); }
  void SwigluBackward(const SwigluBackwardArgs& args) const override { cpu::SwigluBackward(args); }
  void CrossEntropy(const CrossEntropyArgs& args) const override { cpu::CrossEntropy(args); }
  void SelectTopk(const SelectTopkArgs& args) const override { cpu::SelectTopk(args); }
  void GateWeights(const GateWeightsArgs& args) const override { cpu::GateWeights(args); }
  void GateWeightsBackward(const GateWeightsBackwardArgs& args) const override {
    cpu::GateWeightsBackward(args);
  }
  void RouterLoss(const RouterLossArgs& args) const override { cpu::RouterLoss(args); }
  void PackPairs(const PackPairsArgs& args) const override { cpu::PackPairs(args); }
  void SortPairs(const SortPairsArgs& args) const override { cpu::SortPairs(args); }
  void PackPairGradients(const PackPairGradientsArgs& args) const override { cpu::PackPairGradients(args); }
  void UnpackPairGradients(const UnpackPairGradientsArgs& args) const override {
    cpu::UnpackPairGradients(args);
  }
  void RelayPairs(const RelayPairsArgs& args) const override { cpu::RelayPairs(args); }
  void RelayPairGradients(const RelayPairGradientsArgs& args) const override {
    cpu::RelayPairGradients(args);
  }
  void DecideUpdate(const DecideUpdateArgs& args) const override { cpu::DecideUpdate(args); }
  void AdamW(const AdamWArgs& args) const override { cpu::AdamW(args); }
  void Add(int64_t size, const float* x, float* y) const override { cpu::Add(size, x, y); }
  void AddSum(int64_t size, const float* x, double* sum) const override { cpu::AddSum(size, x, sum); }
  void AddSumOfSquares(int64_t size, const float* x, double* sum) const override {
    cpu::AddSumOfSquares(size, x, sum);
  }
};

}  // namespace

const Kernels& CpuKernels() {
  static const CpuKernelsImpl* kernels = new CpuKernelsImpl;
  return *kernels;
}

}  // namespace grouter
