#include "routing/planning/batch/sample_assignment.h"

#include <set>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

SampleTraffic RandomTraffic(uint32_t samples, uint32_t ep_size, Random* random) {
  SampleTraffic traffic;
  traffic.num_samples = samples;
  for (uint32_t s = 0; s < samples; ++s) traffic.length.push_back(1 + random->Below(100));
  for (uint32_t i = 0; i < samples * ep_size; ++i) traffic.rank_rows.push_back(random->Below(50));
  traffic.pairs = traffic.rank_rows;
  return traffic;
}

TEST(SampleAssignmentTest, EveryPolicyMeetsTheCapacitiesExactly) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    Topology topology;
    const uint32_t ep_size = 1 + random.Below(5);
    uint32_t left = ep_size * (1 + random.Below(4));
    while (left > 0) {
      topology.nodes.push_back(Topology::Uniform(1, 1 + random.Below(left)).nodes[0]);
      left -= topology.nodes.back().num_ranks;
    }
    const WorldShape world = WorldShape::Of(topology, ep_size);
    const uint32_t samples = random.Below(40);
    const SampleTraffic traffic = RandomTraffic(samples, ep_size, &random);
    for (int policy = 0; policy < 3; ++policy) {
      const auto by_rank = AssignSamples(static_cast<AssignmentPolicy>(policy), traffic, world, topology, 64);
      const auto capacities = RankCapacities(samples, topology.world_size());
      std::set<uint32_t> seen;
      for (size_t r = 0; r < by_rank.size(); ++r) {
        EXPECT_EQ(by_rank[r].size(), capacities[r]);
        seen.insert(by_rank[r].begin(), by_rank[r].end());
      }
      EXPECT_EQ(seen.size(), samples);
    }
  }
}

TEST(SampleAssignmentTest, ASampleGoesWhereItsExpertsAre) {
  const Topology topology = Topology::Uniform(2, 1);
  SampleTraffic traffic;
  traffic.num_samples = 2;
  traffic.length = {10, 10};
  traffic.rank_rows = {1, 9, 9, 1};
  traffic.pairs = traffic.rank_rows;
  const WorldShape world = WorldShape::Of(topology, 2);
  for (AssignmentPolicy policy : {AssignmentPolicy::kTransport, AssignmentPolicy::kAlgorithm1}) {
    const auto by_rank = AssignSamples(policy, traffic, world, topology, 64);
    EXPECT_EQ(by_rank[0], std::vector<uint32_t>{1});
    EXPECT_EQ(by_rank[1], std::vector<uint32_t>{0});
  }
}

TEST(SampleAssignmentTest, TheNodesAloneAreThoseOfTheWholeAssignment) {
  Random random(3);
  for (int round = 0; round < 30; ++round) {
    const uint32_t nodes = 1 + random.Below(5), ranks = 1 + random.Below(3);
    const Topology topology = Topology::Uniform(nodes, ranks);
    const WorldShape world = WorldShape::Of(topology, nodes * ranks);
    const uint32_t samples = random.Below(30);
    SampleTraffic traffic = RandomTraffic(samples, nodes * ranks, &random);
    if (round % 2 == 0) {
      for (uint32_t i = 0; i < samples * nodes; ++i) traffic.block_rows.push_back(random.Below(50));
    }
    const auto by_rank = AssignSamples(AssignmentPolicy::kTransport, traffic, world, topology, 64);
    const std::vector<uint32_t> node_of = AssignSamplesToNodes(traffic, world, topology, 64);
    ASSERT_EQ(node_of.size(), samples);
    for (uint32_t r = 0; r < by_rank.size(); ++r) {
      for (uint32_t s : by_rank[r]) EXPECT_EQ(node_of[s], topology.NodeOf(r));
    }
  }
}

TEST(SampleAssignmentTest, AlikeGroupsGetLevelTokenCounts) {
  const Topology topology = Topology::Uniform(4, 1);
  SampleTraffic traffic;
  traffic.num_samples = 8;
  traffic.length = {100, 90, 80, 70, 30, 20, 10, 1};
  traffic.rank_rows.assign(8, 5);
  traffic.pairs = traffic.rank_rows;
  const auto by_rank =
      AssignSamples(AssignmentPolicy::kTransport, traffic, WorldShape::Of(topology, 1), topology, 64);
  for (const auto& mine : by_rank) {
    uint32_t tokens = 0;
    for (uint32_t s : mine) tokens += traffic.length[s];
    EXPECT_GE(tokens, 99u);
    EXPECT_LE(tokens, 101u);
  }
}

TEST(SampleAssignmentTest, GroupsOfDifferentBlocksAreDifferentShapes) {
  Topology topology = Topology::Uniform(2, 3);
  topology.nodes[1].num_ranks = 1;
  const WorldShape world = WorldShape::Of(topology, 2);
  ASSERT_EQ(world.groups.size(), 2u);
  EXPECT_EQ(world.shape_of_group, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(world.num_blocks(), 3u);
}

}  // namespace
}  // namespace grouter
