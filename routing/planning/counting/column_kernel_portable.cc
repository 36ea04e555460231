
#include <cstdint>

#include "routing/planning/counting/column_kernel.h"

namespace grouter {
namespace {

#include "routing/planning/counting/column_kernel-inl.h"

}  // namespace

void CountColumnsPortable(const ColumnRun& run, uint32_t id_width, uint32_t* counts) {
  if (id_width == 1) {
    CountAllRuns<uint64_t, uint8_t>(run, counts);
  } else {
    CountAllRuns<uint64_t, uint16_t>(run, counts);
  }
}

}  // namespace grouter
