#include "routing/planning/placement/joint_node.h"

#include <algorithm>
#include <numeric>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

std::vector<uint32_t> Share(uint32_t items, uint32_t ranks) {
  std::vector<uint32_t> of_rank(ranks, items / ranks);
  for (uint32_t r = 0; r < items % ranks; ++r) ++of_rank[r];
  return of_rank;
}

JointNodeProblem RandomProblem(uint32_t samples, uint32_t experts, uint32_t ranks, Random* random) {
  JointNodeProblem problem;
  for (uint32_t i = 0; i < samples * experts; ++i) {
    problem.pairs.push_back(random->Below(3) == 0 ? 0 : random->Below(100));
  }
  problem.samples_of_rank = Share(samples, ranks);
  problem.experts_of_rank = Share(experts, ranks);
  problem.remote_cost = 1 + random->Below(4);
  problem.busy_cost = random->Below(5);
  return problem;
}

std::vector<uint32_t> CountPerRank(const std::vector<uint32_t>& rank_of, uint32_t ranks) {
  std::vector<uint32_t> count(ranks, 0);
  for (uint32_t r : rank_of) ++count[r];
  return count;
}

std::vector<uint32_t> Lowest(const std::vector<uint32_t>& of_rank) {
  std::vector<uint32_t> rank_of;
  for (uint32_t r = 0; r < of_rank.size(); ++r) rank_of.insert(rank_of.end(), of_rank[r], r);
  return rank_of;
}

// All placements there are, each counted once.
uint64_t Optimum(const JointNodeProblem& problem) {
  uint64_t best = UINT64_MAX;
  std::vector<uint32_t> samples = Lowest(problem.samples_of_rank);
  do {
    std::vector<uint32_t> experts = Lowest(problem.experts_of_rank);
    do {
      best = std::min(best, JointNodeCost(problem, samples, experts));
    } while (std::next_permutation(experts.begin(), experts.end()));
  } while (std::next_permutation(samples.begin(), samples.end()));
  return best;
}

TEST(JointNodeTest, FindsWhatTryingEverythingFinds) {
  Random random(1);
  for (int round = 0; round < 150; ++round) {
    const uint32_t ranks = 2 + random.Below(2);
    const uint32_t experts = ranks + random.Below(4);
    const uint32_t samples = 1 + random.Below(4);
    const JointNodeProblem problem = RandomProblem(samples, experts, ranks, &random);
    const JointNode placed = PlaceJointly(problem, 200000, round);
    const uint64_t optimum = Optimum(problem);
    EXPECT_EQ(placed.cost, optimum) << "round " << round;
    EXPECT_LE(placed.lower_bound, optimum);
  }
}

TEST(JointNodeTest, MeetsEveryCapacityAndNamesItsCost) {
  Random random(2);
  for (int round = 0; round < 60; ++round) {
    const uint32_t ranks = 1 + random.Below(9), samples = 1 + random.Below(20),
                   experts = 1 + random.Below(70);
    const JointNodeProblem problem = RandomProblem(samples, experts, ranks, &random);
    const JointNode placed = PlaceJointly(problem, 20000, 5);
    EXPECT_EQ(CountPerRank(placed.rank_of_sample, ranks), problem.samples_of_rank);
    EXPECT_EQ(CountPerRank(placed.rank_of_expert, ranks), problem.experts_of_rank);
    EXPECT_EQ(placed.cost, JointNodeCost(problem, placed.rank_of_sample, placed.rank_of_expert));
    EXPECT_GE(placed.cost, placed.lower_bound);
    const JointNode again = PlaceJointly(problem, 20000, 5);
    EXPECT_EQ(again.rank_of_expert, placed.rank_of_expert);
    EXPECT_EQ(again.rank_of_sample, placed.rank_of_sample);
  }
}

TEST(JointNodeTest, MoreIterationsAreNeverWorse) {
  Random random(3);
  const JointNodeProblem problem = RandomProblem(8, 64, 8, &random);
  uint64_t last = UINT64_MAX;
  for (uint64_t iterations : {0, 1000, 10000, 50000, 300000}) {
    const uint64_t cost = PlaceJointly(problem, iterations, 1).cost;
    EXPECT_LE(cost, last) << iterations;
    last = cost;
  }
}

TEST(JointNodeTest, SamplesThatUseDifferentExpertsStayAlone) {
  JointNodeProblem problem;
  problem.pairs = {0, 9, 0, 9, 9, 0, 9, 0};  // sample 0 uses experts 1 and 3, sample 1 the others
  problem.samples_of_rank = {1, 1};
  problem.experts_of_rank = {2, 2};
  const JointNode placed = PlaceJointly(problem, 1000, 0);
  EXPECT_EQ(placed.cost, 18u);  // nothing remote, 18 pairs on each rank
  EXPECT_EQ(placed.cost, placed.lower_bound);
}

}  // namespace
}  // namespace grouter
