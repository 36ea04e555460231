#include "routing/planning/grouping/union_count.h"

#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

std::vector<uint64_t> Words(size_t count, Random* random) {
  std::vector<uint64_t> words(count);
  for (uint64_t& word : words) word = random->Next();
  return words;
}

TEST(UnionCountTest, EveryInstructionSetCountsWhatCountingBitByBitCounts) {
  Random random(1);
  for (size_t count = 0; count < 70; ++count) {
    const auto once = Words(count, &random), twice = Words(count, &random);
    const auto removed = Words(count, &random), added = Words(count, &random);
    uint64_t expected = 0;
    for (size_t i = 0; i < 64 * count; ++i) {
      const auto bit = [&](const std::vector<uint64_t>& words) {
        return (words[i / 64] >> (i % 64) & 1) != 0;
      };
      expected += bit(added) || (bit(once) && !(bit(removed) && !bit(twice)));
    }
    for (UnionCount counter :
         {&UnionCountPortable, UnionCountPopcnt(), UnionCountAvx512(), BestUnionCount()}) {
      if (counter == nullptr) continue;  // this processor lacks it
      EXPECT_EQ(counter(once.data(), twice.data(), removed.data(), added.data(), count), expected) << count;
    }
  }
}

}  // namespace
}  // namespace grouter
