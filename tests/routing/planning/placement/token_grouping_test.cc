#include "routing/planning/placement/token_grouping.h"

#include <algorithm>
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

TEST(TokenGroupingTest, SpareSlotsBringTheExpertsOfANodesTokensToIt) {
  // Half of the samples use experts 0 to 3, the others 4 to 7, and all of them expert 0: with a spare slot a
  // node, no token need leave its node.
  TokenSets tokens(8);
  for (uint32_t s = 0; s < 16; ++s) {
    std::string ids;
    for (char t = 0; t < 40; ++t) {
      ids.push_back(static_cast<char>(s % 2 * 4 + t % 4));
      ids.push_back(s % 2 == 0 && t % 4 == 0 ? 1 : 0);
    }
    RouteView view;
    view.k = 2;
    view.num_tokens = 40;
    view.ids = ids;
    tokens.AddSample(view, 1000);
  }
  GroupingProblem problem;
  problem.load.assign(8, 10);
  problem.capacity.assign(4, 2);
  problem.node_of_rank = {0, 0, 1, 1};
  const auto experts = GroupWithReplicas(problem, {3, 2, 3, 2}, tokens, {0, 0, 1, 1, 2, 2, 3, 3}, 20000, 1);
  ASSERT_EQ(experts.size(), 4u);
  for (uint32_t node = 0; node < 2; ++node) {
    uint32_t holds_0 = 0;
    for (uint32_t r = 2 * node; r < 2 * node + 2; ++r)
      holds_0 += std::count(experts[r].begin(), experts[r].end(), 0u);
    EXPECT_EQ(holds_0, 1u) << "node " << node;
  }
}

TEST(TokenGroupingTest, WithReplicasEveryExpertIsPlacedAndNoneTwiceOnANode) {
  Random random(4);
  for (int round = 0; round < 40; ++round) {
    const uint32_t experts = 1 + random.Below(30), ranks = 1 + random.Below(6),
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
    std::vector<uint32_t> slots = problem.capacity;
    for (uint32_t& each : slots) each += random.Below(3);
    const auto placed = GroupWithReplicas(problem, slots, tokens, start, 2000, round);
    std::vector<std::vector<uint32_t>> held(experts, std::vector<uint32_t>(nodes, 0));
    for (uint32_t r = 0; r < ranks; ++r) {
      EXPECT_LE(placed[r].size(), slots[r]);
      for (uint32_t e : placed[r]) ++held[e][problem.node_of_rank[r]];
    }
    for (const auto& nodes_of : held) {
      EXPECT_GE(*std::max_element(nodes_of.begin(), nodes_of.end()), 1u);
      EXPECT_LE(*std::max_element(nodes_of.begin(), nodes_of.end()), 1u);
    }
  }
}

}  // namespace
}  // namespace grouter
