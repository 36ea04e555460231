#include "tests/routing/planning/counting/kernel_cases.h"

namespace grouter {
namespace {

TEST(ColumnKernelAvx512Test, CountsWhatCountingBitByBitCounts) {
  if (BestInstructionSet() < InstructionSet::kAvx512) GTEST_SKIP() << "this processor has no AVX-512";
  testing::ExpectKernelCounts(CountColumnsAvx512);
}

}  // namespace
}  // namespace grouter
