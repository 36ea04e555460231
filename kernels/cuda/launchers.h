// The CUDA twins of kernels.h, one function a kernel: queues it on `stream` and returns at once with a
// cudaError_t (0: queued). Contracts are those of kernels.h, with every pointer in the structs a device's.
//
// Sums run in an order that follows from the shape: no atomics, the same bits on every call. What computes
// element by element gives the CPU twin's bits; what sums or takes exp differs from it in the last ones.
#ifndef GROUTER_KERNELS_CUDA_LAUNCHERS_H_
#define GROUTER_KERNELS_CUDA_LAUNCHERS_H_

#include "kernels/cuda/launch_geometry.h"
#include "kernels/kernels.h"

struct CUstream_st;

namespace grouter::cuda {

// Partial sums of one call, two at most per block; calls on one stream follow each other and share it.
struct Workspace {
  double partials[2 * kReductionBlocks];
};

int RmsNorm(const RmsNormArgs& args, CUstream_st* stream);
int RmsNormBackward(const RmsNormBackwardArgs& args, CUstream_st* stream);
int Rope(const RopeArgs& args, CUstream_st* stream);
int GatherRows(const GatherRowsArgs& args, CUstream_st* stream);
// Who adds: the block of the first i that names a row finds the later ones and adds them in ascending i; the
// others find an earlier i and leave. n rows cost n * n / 2 comparisons of indices, in parallel.
int ScatterAddRows(const ScatterAddRowsArgs& args, CUstream_st* stream);
int Swiglu(const SwigluArgs& args, CUstream_st* stream);
int SwigluBackward(const SwigluBackwardArgs& args, CUstream_st* stream);
int CrossEntropy(const CrossEntropyArgs& args, CUstream_st* stream);
int SelectTopk(const SelectTopkArgs& args, CUstream_st* stream);
int GateWeights(const GateWeightsArgs& args, CUstream_st* stream);
int GateWeightsBackward(const GateWeightsBackwardArgs& args, CUstream_st* stream);
int RouterLoss(const RouterLossArgs& args, Workspace* workspace, CUstream_st* stream);
int PackPairs(const PackPairsArgs& args, CUstream_st* stream);
int SortPairs(const SortPairsArgs& args, CUstream_st* stream);
int PackPairGradients(const PackPairGradientsArgs& args, CUstream_st* stream);
int UnpackPairGradients(const UnpackPairGradientsArgs& args, CUstream_st* stream);
int RelayPairs(const RelayPairsArgs& args, CUstream_st* stream);
int RelayPairGradients(const RelayPairGradientsArgs& args, CUstream_st* stream);
int DecideUpdate(const DecideUpdateArgs& args, CUstream_st* stream);
int AdamW(const AdamWArgs& args, CUstream_st* stream);
int Add(int64_t size, const float* x, float* y, CUstream_st* stream);
int AddSum(int64_t size, const float* x, double* sum, Workspace* workspace, CUstream_st* stream);
int AddSumOfSquares(int64_t size, const float* x, double* sum, Workspace* workspace, CUstream_st* stream);

}  // namespace grouter::cuda

#endif  // GROUTER_KERNELS_CUDA_LAUNCHERS_H_
