#include "tests/routing/planning/counting/kernel_cases.h"

namespace grouter {
namespace {

TEST(ColumnKernelAvx2Test, CountsWhatCountingBitByBitCounts) {
  if (BestInstructionSet() < InstructionSet::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
  testing::ExpectKernelCounts(CountColumnsAvx2);
}

}  // namespace
}  // namespace grouter
