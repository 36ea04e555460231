#include "routing/planning/placement/expert_moves.h"

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

JobDraft TwoNodes() {
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  for (TopologyNode& node : draft.topology.nodes) {
    node.scale_up = {1'000'000'000, 100};
    node.scale_out = {100'000'000, 1000};
  }
  draft.ep_size = 4;
  draft.model.layer_group_of_layer = {0, 1, 1};
  draft.model.expert_weight_bytes = 700;
  draft.model.expert_moment_bytes = 300;
  return draft;
}

Placement Layers(const std::vector<std::vector<uint32_t>>& slots) {
  return {LayerPlacement::Make(4, slots).value(), LayerPlacement::Make(4, {{0}, {1}, {2}, {3}}).value()};
}

class ExpertMovesTest : public ::testing::Test {
 protected:
  const JobDraft draft_ = TwoNodes();
  const EpGroup group_ = EpGroupsOf(draft_.topology, draft_.ep_size)[0];
};

TEST_F(ExpertMovesTest, WhatStaysDoesNotMove) {
  const Placement placement = Layers({{0}, {1}, {2}, {3}});
  EXPECT_TRUE(MovesBetween(placement, placement, group_).empty());
}

TEST_F(ExpertMovesTest, AMoveComesFromTheNearestCopy) {
  // Expert 0 lies on ranks 0 and 2; rank 3 shares a node with rank 2.
  const auto moves = MovesBetween(Layers({{0, 1}, {2, kEmptySlot}, {0, 3}, {3, 1}}),
                                  Layers({{0, 1}, {2, kEmptySlot}, {3, 1}, {0, 1}}), group_);
  ASSERT_EQ(moves.size(), 3u);
  EXPECT_EQ(moves[0].expert, 3u);  // a rank's own copy first: only its slot changes
  EXPECT_TRUE((moves[0].from == SlotRef{2, 1} && moves[0].to == SlotRef{2, 0}));
  EXPECT_EQ(moves[1].expert, 1u);
  EXPECT_TRUE((moves[1].from == SlotRef{3, 1} && moves[1].to == SlotRef{2, 1}));
  EXPECT_EQ(moves[2].expert, 0u);
  EXPECT_TRUE((moves[2].from == SlotRef{2, 0} && moves[2].to == SlotRef{3, 0}));
}

TEST_F(ExpertMovesTest, BytesCountEveryLayerOfTheGroupAndOnlyWhatLeavesARank) {
  const std::vector<ExpertMove> moves = {
      {0, 1, {0, 0}, {1, 0}}, {1, 2, {0, 0}, {2, 0}}, {1, 3, {1, 0}, {1, 1}}};
  EXPECT_EQ(BytesOfMove(draft_, 0), 1000u);
  EXPECT_EQ(BytesOfMove(draft_, 1), 2000u);
  EXPECT_EQ(MovedBytes(draft_, moves), 3000u);
}

TEST_F(ExpertMovesTest, TheSlowestLinkOfTheBusiestRankIsTheTime) {
  EXPECT_EQ(PredictMovesNs(draft_, group_, {}), 0u);
  EXPECT_EQ(PredictMovesNs(draft_, group_, {{0, 1, {0, 0}, {1, 0}}}), 1000u + 100u);
  EXPECT_EQ(PredictMovesNs(draft_, group_, {{0, 1, {0, 0}, {2, 0}}}), 10000u + 1000u);
  // Two at once over one rank's link take twice as long, over two ranks' links no longer than one.
  EXPECT_EQ(PredictMovesNs(draft_, group_, {{0, 1, {0, 0}, {2, 0}}, {0, 2, {0, 1}, {3, 0}}}), 22000u);
  EXPECT_EQ(PredictMovesNs(draft_, group_, {{0, 1, {0, 0}, {2, 0}}, {0, 2, {1, 0}, {3, 0}}}), 11000u);
}

}  // namespace
}  // namespace grouter
