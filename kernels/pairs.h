// CPU twins of what rows note of their pairs; contracts in kernels.h.
#ifndef GROUTER_KERNELS_PAIRS_H_
#define GROUTER_KERNELS_PAIRS_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void PackPairs(const PackPairsArgs& args);
void SortPairs(const SortPairsArgs& args);
void PackPairGradients(const PackPairGradientsArgs& args);
void UnpackPairGradients(const UnpackPairGradientsArgs& args);
void RelayPairs(const RelayPairsArgs& args);
void RelayPairGradients(const RelayPairGradientsArgs& args);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_PAIRS_H_
