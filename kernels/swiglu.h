// CPU twins of the experts' activation; contracts in kernels.h.
#ifndef GROUTER_KERNELS_SWIGLU_H_
#define GROUTER_KERNELS_SWIGLU_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void Swiglu(const SwigluArgs& args);
void SwigluBackward(const SwigluBackwardArgs& args);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_SWIGLU_H_
