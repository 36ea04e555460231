#include "tests/routing/planning/batch/kernel_cases.h"

namespace grouter {
namespace {

TEST(ColumnKernelPortableTest, CountsWhatCountingBitByBitCounts) {
  testing::ExpectKernelCounts(CountColumnsPortable);
}

}  // namespace
}  // namespace grouter
