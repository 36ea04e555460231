#include "routing/planning/ep_group.h"

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

TEST(EpGroupTest, GroupsFollowTheNodesTheySitOn) {
  Topology topology = Topology::Uniform(3, 1);
  topology.nodes[0].num_ranks = 3;
  topology.nodes[2].num_ranks = 4;
  const auto groups = EpGroupsOf(topology, 4);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].first_of_block, (std::vector<uint32_t>{0, 3, 4}));
  EXPECT_EQ(groups[0].node_of_block, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(groups[1].first_world_rank, 4u);
  EXPECT_EQ(groups[1].first_of_block, (std::vector<uint32_t>{0, 4}));
  EXPECT_FALSE(groups[0].SameShape(groups[1]));
  EXPECT_EQ(groups[0].RelayOf(1, 1), 3u);
  EXPECT_EQ(groups[0].RelayOf(3, 0), 0u);
  EXPECT_EQ(groups[0].RelayOf(2, 0), 2u);
}

TEST(EpGroupTest, BlocksAgreeWithNodesInAnyTopology) {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    Topology topology;
    const uint32_t ep_size = 1 + random.Below(7);
    uint32_t left = ep_size * (1 + random.Below(4));
    while (left > 0) {
      topology.nodes.push_back(Topology::Uniform(1, 1 + random.Below(left)).nodes[0]);
      left -= topology.nodes.back().num_ranks;
    }
    for (const EpGroup& group : EpGroupsOf(topology, ep_size)) {
      for (uint32_t r = 0; r < ep_size; ++r) {
        const uint32_t block = group.block_of_rank[r];
        EXPECT_EQ(group.node_of_block[block], topology.NodeOf(group.first_world_rank + r));
        EXPECT_EQ(group.RelayOf(r, block), r);
        for (uint32_t b = 0; b < group.num_blocks(); ++b)
          EXPECT_EQ(group.block_of_rank[group.RelayOf(r, b)], b);
      }
    }
  }
}

}  // namespace
}  // namespace grouter
