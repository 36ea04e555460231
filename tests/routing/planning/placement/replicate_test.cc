#include "routing/planning/placement/replicate.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

TEST(ReplicateTest, TheHottestExpertGetsTheFirstSpareSlot) {
  std::vector<std::vector<uint32_t>> slots = {{0, 1}, {2, 3}};
  AddReplicas({100, 5, 10, 10}, {2, 3}, &slots);
  EXPECT_EQ(slots[1], (std::vector<uint32_t>{2, 3, 0}));
}

TEST(ReplicateTest, NeverTwoCopiesOnOneRankAndNeverMoreThanTheSlots) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    const uint32_t ranks = 1 + random.Below(6), experts = 1 + random.Below(20);
    std::vector<std::vector<uint32_t>> slots(ranks);
    std::vector<uint64_t> load(experts);
    for (uint32_t e = 0; e < experts; ++e) {
      slots[e % ranks].push_back(e);
      load[e] = random.Below(50);
    }
    std::vector<uint32_t> counts(ranks, (experts + ranks - 1) / ranks + random.Below(4));
    AddReplicas(load, counts, &slots);
    for (uint32_t r = 0; r < ranks; ++r) {
      EXPECT_LE(slots[r].size(), counts[r]);
      EXPECT_EQ(std::set<uint32_t>(slots[r].begin(), slots[r].end()).size(), slots[r].size());
    }
  }
}

TEST(ReplicateTest, ExpertsWithoutLoadGetNone) {
  std::vector<std::vector<uint32_t>> slots = {{0}, {1}};
  AddReplicas({0, 0}, {3, 3}, &slots);
  EXPECT_EQ(slots, (std::vector<std::vector<uint32_t>>{{0}, {1}}));
}

}  // namespace
}  // namespace grouter
