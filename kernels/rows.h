// CPU twins of row movement: permute, unpermute, weighted combine; contracts in kernels.h.
#ifndef GROUTER_KERNELS_ROWS_H_
#define GROUTER_KERNELS_ROWS_H_

#include "kernels/kernels.h"

namespace grouter::cpu {

void GatherRows(const GatherRowsArgs& args);
void ScatterAddRows(const ScatterAddRowsArgs& args);

}  // namespace grouter::cpu

#endif  // GROUTER_KERNELS_ROWS_H_
