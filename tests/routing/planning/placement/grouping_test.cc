#include "routing/planning/placement/grouping.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

GroupingProblem RandomProblem(uint32_t experts, uint32_t ranks, uint32_t nodes, Random* random) {
  GroupingProblem problem;
  for (uint32_t e = 0; e < experts; ++e) problem.load.push_back(10 + random->Below(50));
  for (uint32_t a = 0; a < experts; ++a) {
    for (uint32_t b = a + 1; b < experts; ++b) {
      if (random->Below(2) == 0) problem.pairs.push_back({a, b, random->Below(100)});
    }
  }
  for (uint32_t r = 0; r < ranks; ++r) {
    problem.capacity.push_back(experts / ranks + (r < experts % ranks ? 1 : 0));
    problem.node_of_rank.push_back(r * nodes / ranks);
  }
  return problem;
}

TEST(GroupingTest, FindsWhatTryingEverythingFinds) {
  Random random(1);
  for (int round = 0; round < 10; ++round) {
    GroupingProblem problem = RandomProblem(7, 3, 2, &random);
    uint64_t total = 0;
    for (uint64_t load : problem.load) total += load;
    problem.load_limit = total * 115 / 300;
    std::vector<uint32_t> ranks;
    for (uint32_t r = 0; r < 3; ++r) ranks.insert(ranks.end(), problem.capacity[r], r);
    Grouping best = EvaluateGrouping(problem, ranks);
    while (std::next_permutation(ranks.begin(), ranks.end())) {
      const Grouping other = EvaluateGrouping(problem, ranks);
      if (other.excess < best.excess || (other.excess == best.excess && other.worth > best.worth))
        best = other;
    }
    const Grouping found = GroupExperts(problem, 20000, 5);
    EXPECT_EQ(found.excess, best.excess);
    EXPECT_EQ(found.worth, best.worth);
  }
}

TEST(GroupingTest, ItsSumsAreThoseOfCountingAgainInAnyShape) {
  Random random(2);
  for (int round = 0; round < 40; ++round) {
    const uint32_t ranks = 1 + random.Below(8);
    GroupingProblem problem = RandomProblem(1 + random.Below(60), ranks, 1 + random.Below(ranks), &random);
    problem.node_worth = random.Below(3);
    problem.rank_worth = 1 + random.Below(3);
    problem.load_limit = 30 * (problem.load.size() / ranks + 1);
    const Grouping found = GroupExperts(problem, 5000, round);
    const Grouping counted = EvaluateGrouping(problem, found.rank_of_expert);
    EXPECT_EQ(found.worth, counted.worth);
    EXPECT_EQ(found.excess, counted.excess);
    std::vector<uint32_t> used(ranks, 0);
    for (uint32_t r : found.rank_of_expert) ++used[r];
    EXPECT_EQ(used, problem.capacity);
  }
}

TEST(GroupingTest, MoreIterationsAreNeverWorse) {
  Random random(3);
  const GroupingProblem problem = RandomProblem(40, 4, 2, &random);
  Grouping last = GroupExperts(problem, 0, 1);
  for (uint64_t iterations = 100; iterations < 200000; iterations *= 3) {
    const Grouping next = GroupExperts(problem, iterations, 1);
    EXPECT_LE(next.excess, last.excess);
    if (next.excess == last.excess) {
      EXPECT_GE(next.worth, last.worth);
    }
    last = next;
  }
}

TEST(GroupingTest, BlocksOfCoactivationAreFound) {
  GroupingProblem problem;
  problem.load.assign(32, 10);
  for (uint32_t a = 0; a < 32; ++a) {
    for (uint32_t b = a + 1; b < 32; ++b) {
      if (a % 4 == b % 4) problem.pairs.push_back({a, b, 10});
    }
  }
  problem.capacity.assign(4, 8);
  problem.node_of_rank = {0, 0, 1, 1};
  const Grouping found = GroupExperts(problem, 100000, 1);
  for (uint32_t e = 4; e < 32; ++e) EXPECT_EQ(found.rank_of_expert[e], found.rank_of_expert[e % 4]);
}

}  // namespace
}  // namespace grouter
