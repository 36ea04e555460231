#include "routing/planning/counting/column_kernel.h"
#include "tests/routing/planning/counting/byte_cases.h"

namespace grouter {
namespace {

TEST(ByteKernelAvx2Test, CountsWhatCountingBitByBitCounts) {
  if (BestInstructionSet() < InstructionSet::kAvx2) GTEST_SKIP() << "this processor has no AVX2";
  testing::ExpectByteCounts(CountBytesAvx2);
}

}  // namespace
}  // namespace grouter
