// Compiled for AVX-512; called only where BestInstructionSet says so.
#if defined(__x86_64__) && !defined(__clang__)
// GCC's own header says "undefined" by initialising a variable with itself.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC target("avx512f,avx512vl,avx512bw,bmi2")
#endif

#include <cstdint>

#include "routing/planning/counting/column_kernel.h"

namespace grouter {
namespace {

#include "routing/planning/counting/column_kernel-inl.h"

using Vector256 = uint64_t __attribute__((vector_size(32)));
using Vector512 = uint64_t __attribute__((vector_size(64)));

}  // namespace

void CountColumnsAvx512(const ColumnRun& run, uint32_t id_width, uint32_t* counts) {
  const bool wide = run.words % 8 == 0;
  if (id_width == 1) {
    wide ? CountAllRuns<Vector512, uint8_t>(run, counts) : CountAllRuns<Vector256, uint8_t>(run, counts);
  } else {
    wide ? CountAllRuns<Vector512, uint16_t>(run, counts) : CountAllRuns<Vector256, uint16_t>(run, counts);
  }
}

}  // namespace grouter
