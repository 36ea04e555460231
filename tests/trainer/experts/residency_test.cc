#include "trainer/experts/residency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "io/random.h"

namespace grouter {
namespace {

TEST(AccessSequence, KnowsTheNextUseAfterWhatHasBegun) {
  AccessSequence sequence(4, {0, 1, 0, 2});
  EXPECT_EQ(sequence.NextUse(0), 0u);
  EXPECT_EQ(sequence.NextUse(3), AccessSequence::kNever);
  EXPECT_TRUE(sequence.Advance(0));
  EXPECT_EQ(sequence.position(), 1u);
  EXPECT_EQ(sequence.NextUse(0), 2u);
  EXPECT_TRUE(sequence.Advance(0));  // 1 was skipped
  EXPECT_EQ(sequence.NextUse(1), AccessSequence::kNever);
  EXPECT_FALSE(sequence.Advance(1));
  EXPECT_EQ(sequence.NextUse(2), 3u);
}

// Fetches of a cache of `capacity` that evicts by `choose`.
template <typename Choose>
uint64_t Fetches(const std::vector<uint32_t>& accesses, uint32_t num_items, size_t capacity, Choose choose) {
  AccessSequence sequence(num_items, accesses);
  std::vector<uint32_t> held;
  uint64_t fetches = 0;
  for (uint32_t item : accesses) {
    sequence.Advance(item);
    if (std::find(held.begin(), held.end(), item) != held.end()) continue;
    ++fetches;
    if (held.size() == capacity) held.erase(held.begin() + static_cast<int64_t>(choose(sequence, held)));
    held.push_back(item);
  }
  return fetches;
}

// The fewest fetches any choice of victims gives, by trying all.
uint64_t FewestFetches(const std::vector<uint32_t>& accesses, size_t at, std::set<uint32_t> held,
                       size_t capacity) {
  for (; at < accesses.size(); ++at) {
    if (held.count(accesses[at]) != 0) continue;
    if (held.size() < capacity) {
      held.insert(accesses[at]);
      return 1 + FewestFetches(accesses, at + 1, held, capacity);
    }
    uint64_t best = UINT64_MAX;
    for (uint32_t victim : held) {
      std::set<uint32_t> next = held;
      next.erase(victim);
      next.insert(accesses[at]);
      best = std::min(best, 1 + FewestFetches(accesses, at + 1, next, capacity));
    }
    return best;
  }
  return 0;
}

TEST(FarthestNextUse, NeedsNoMoreFetchesThanAnyOtherChoice) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    const auto items = static_cast<uint32_t>(3 + random.Below(3));
    std::vector<uint32_t> accesses(12);
    for (uint32_t& access : accesses) access = static_cast<uint32_t>(random.Below(items));
    const size_t capacity = 2;
    const uint64_t ours = Fetches(accesses, items, capacity, [](const auto& sequence, const auto& held) {
      return FarthestNextUse(sequence, held);
    });
    EXPECT_EQ(ours, FewestFetches(accesses, 0, {}, capacity)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace grouter
