// CPU twin of softmax cross-entropy; contract in kernels.h.
#ifndef GROUTER_KERNELS_LOSS_H_
#define GROUTER_KERNELS_LOSS_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void CrossEntropy(const CrossEntropyArgs& args);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_LOSS_H_
