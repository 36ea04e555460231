// Compiled for AVX2; called only where BestInstructionSet says so.
#if defined(__x86_64__) && !defined(__clang__)
#pragma GCC target("avx2,bmi2")
#endif

#include <cstdint>

#include "routing/planning/counting/column_kernel.h"

namespace grouter {
namespace {

#include "routing/planning/counting/column_kernel-inl.h"

using Vector256 = uint64_t __attribute__((vector_size(32)));

}  // namespace

void CountColumnsAvx2(const ColumnRun& run, uint32_t id_width, uint32_t* counts) {
  if (id_width == 1) {
    CountAllRuns<Vector256, uint8_t>(run, counts);
  } else {
    CountAllRuns<Vector256, uint16_t>(run, counts);
  }
}

}  // namespace grouter
