#include "tests/routing/planning/counting/byte_cases.h"

namespace grouter {
namespace {

TEST(ByteKernelAvx512Test, CountsWhatCountingBitByBitCounts) {
  if (!HasBytePermutes()) GTEST_SKIP() << "this processor has no byte permutes";
  testing::ExpectByteCounts(CountBytesAvx512);
}

}  // namespace
}  // namespace grouter
