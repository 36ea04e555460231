// CPU twins of the optimizer's arithmetic; contracts in kernels.h.
#ifndef GROUTER_KERNELS_OPTIMIZER_H_
#define GROUTER_KERNELS_OPTIMIZER_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void DecideUpdate(const DecideUpdateArgs& args);
void AdamW(const AdamWArgs& args);
void Add(int64_t size, const float* x, float* y);
void AddSum(int64_t size, const float* x, double* sum);
void AddSumOfSquares(int64_t size, const float* x, double* sum);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_OPTIMIZER_H_
