#ifndef GROUTER_TESTS_SMOKE_ADD_ONE_H_
#define GROUTER_TESTS_SMOKE_ADD_ONE_H_

namespace grouter {

// Adds 1 to each of the n floats at `values` (device memory) on the default stream. Returns the launch's
// cudaError_t.
int LaunchAddOne(float* values, int n);

}  // namespace grouter

#endif  // GROUTER_TESTS_SMOKE_ADD_ONE_H_
