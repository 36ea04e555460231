#include "tests/routing/planning/counting/byte_cases.h"

namespace grouter {
namespace {

TEST(ByteKernelPortableTest, CountsWhatCountingBitByBitCounts) {
  testing::ExpectByteCounts(CountBytesPortable);
}

}  // namespace
}  // namespace grouter
