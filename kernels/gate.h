// CPU twins of selection and gating; contracts in kernels.h.
#ifndef GROUTER_KERNELS_GATE_H_
#define GROUTER_KERNELS_GATE_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void SelectTopk(const SelectTopkArgs& args);
void GateWeights(const GateWeightsArgs& args);
void GateWeightsBackward(const GateWeightsBackwardArgs& args);
void RouterLoss(const RouterLossArgs& args);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_GATE_H_
