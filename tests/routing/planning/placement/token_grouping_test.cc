#include "routing/planning/placement/token_grouping.h"

#include <string>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

// Samples whose tokens use `k` experts that are `stride` apart.
TokenSets Strided(uint32_t experts, uint32_t stride, uint32_t k, uint32_t samples, Random* random) {
  TokenSets sets(experts);
  for (uint32_t s = 0; s < samples; ++s) {
    std::string ids;
    for (int t = 0; t < 40; ++t) {
      const uint64_t first = random->Below(stride);
      for (uint32_t j = 0; j < k; ++j) ids.push_back(static_cast<char>((first + j * stride) % experts));
    }
    RouteView view;
    view.k = k;
    view.num_tokens = 40;
    view.ids = ids;
    sets.AddSample(view, 1000);
  }
  return sets;
}

TEST(TokenGroupingTest, ExpertsOfTheSameTokensMeetOnARank) {
  Random random(1);
  const TokenSets tokens = Strided(16, 4, 4, 20, &random);
  GroupingProblem problem;
  problem.load.assign(16, 10);
  problem.capacity.assign(4, 4);
  problem.node_of_rank = {0, 0, 1, 1};
  std::vector<uint32_t> start;
  for (uint32_t e = 0; e < 16; ++e) start.push_back(e / 4);
  const auto rank = GroupByTokens(problem, tokens, start, 50000, 1);
  for (uint32_t e = 4; e < 16; ++e) EXPECT_EQ(rank[e], rank[e % 4]);
}

TEST(TokenGroupingTest, InAnyShapeTheCapacitiesAreHeldAndTheResultIsAFunctionOfTheArguments) {
  Random random(2);
  for (int round = 0; round < 40; ++round) {
    const uint32_t experts = 1 + random.Below(40), ranks = 1 + random.Below(8),
                   nodes = 1 + random.Below(ranks);
    const TokenSets tokens = Strided(experts, 1 + random.Below(experts), 1, random.Below(6), &random);
    GroupingProblem problem;
    problem.capacity.assign(ranks, 0);
    for (uint32_t r = 0; r < ranks; ++r) problem.node_of_rank.push_back(r * nodes / ranks);
    std::vector<uint32_t> start;
    for (uint32_t e = 0; e < experts; ++e) {
      problem.load.push_back(random.Below(50));
      start.push_back(static_cast<uint32_t>(random.Below(ranks)));
      ++problem.capacity[start.back()];
    }
    problem.load_limit = round % 2 == 0 ? UINT64_MAX : 25 * experts / ranks;
    const auto rank = GroupByTokens(problem, tokens, start, 2000, round);
    std::vector<uint32_t> used(ranks, 0);
    for (uint32_t r : rank) ++used.at(r);
    EXPECT_EQ(used, problem.capacity);
    EXPECT_EQ(GroupByTokens(problem, tokens, start, 2000, round), rank);
  }
}

}  // namespace
}  // namespace grouter
