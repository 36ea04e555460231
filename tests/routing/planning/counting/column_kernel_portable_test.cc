#include "tests/routing/planning/counting/kernel_cases.h"

namespace grouter {
namespace {

TEST(ColumnKernelPortableTest, CountsWhatCountingBitByBitCounts) {
  testing::ExpectKernelCounts(CountColumnsPortable);
}

}  // namespace
}  // namespace grouter
