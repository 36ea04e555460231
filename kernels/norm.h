// CPU twins of normalisation and rotary embedding; contracts in kernels.h.
#ifndef GROUTER_KERNELS_NORM_H_
#define GROUTER_KERNELS_NORM_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void RmsNorm(const RmsNormArgs& args);
void RmsNormBackward(const RmsNormBackwardArgs& args);
void Rope(const RopeArgs& args);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_NORM_H_
