#include "routing/planning/placement/replan.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/placement/expert_moves.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TopologyNode Node(const std::string& name, uint32_t num_ranks) {
  TopologyNode node = Topology::Uniform(1, 1).nodes[0];
  node.name = name;
  node.num_ranks = num_ranks;
  return node;
}

JobDraft Draft(const std::vector<TopologyNode>& nodes, uint32_t slots_per_rank) {
  JobDraft draft;
  draft.topology.nodes = nodes;
  draft.ep_size = draft.topology.world_size();
  draft.model.layer_group_of_layer = {0};
  draft.model.expert_weight_bytes = 10;
  draft.model.num_slots_per_rank = slots_per_rank;
  return draft;
}

std::set<uint32_t> ExpertsOf(const LayerPlacement& layer, uint32_t rank) {
  std::set<uint32_t> experts;
  for (uint32_t slot = 0; slot < layer.num_slots(rank); ++slot) experts.insert(layer.ExpertAt({rank, slot}));
  experts.erase(kEmptySlot);
  return experts;
}

TEST(SurvivingRanksTest, ARankSurvivesOnTheNodeOfItsName) {
  const JobDraft before = Draft({Node("a", 2), Node("b", 3)}, 0);
  EXPECT_EQ(SurvivingRanks(before, Draft({Node("b", 2), Node("c", 2)}, 0)),
            (std::vector<uint32_t>{2, 3, kNoRank, kNoRank}));
  EXPECT_EQ(SurvivingRanks(before, Draft({Node("a", 3)}, 0)), (std::vector<uint32_t>{0, 1, kNoRank}));
  EXPECT_EQ(SurvivingRanks(before, Draft({Node("a", 2), Node("a", 2)}, 0)),
            (std::vector<uint32_t>{0, 1, kNoRank, kNoRank}));
}

TEST(KeepPlacementTest, MovesAsFewExpertsAsAnyPlacementCould) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const uint32_t num_experts = static_cast<uint32_t>(1 + random.Below(40));
    const uint32_t old_ranks = static_cast<uint32_t>(1 + random.Below(9));
    const uint32_t ranks = static_cast<uint32_t>(1 + random.Below(9));
    const JobDraft draft = Draft({Node("n", ranks)}, 0);
    const Placement old = {LayerPlacement::Contiguous(num_experts, old_ranks)};
    std::vector<uint32_t> surviving(ranks, kNoRank), left(old_ranks);
    for (uint32_t r = 0; r < old_ranks; ++r) left[r] = r;
    random.Shuffle(&left);
    for (uint32_t r = 0; r < ranks && !left.empty(); ++r) {
      if (random.Below(4) == 0) continue;
      surviving[r] = left.back();
      left.pop_back();
    }
    GroupLoads loads(1);
    for (uint32_t e = 0; e < num_experts; ++e) loads[0].push_back(random.Below(100));
    const auto kept = KeepPlacement(draft, old, surviving, loads, 0);
    ASSERT_TRUE(kept.ok()) << kept.status();
    uint64_t stay = 0;
    for (uint32_t r = 0; r < ranks; ++r) {
      const uint64_t room = num_experts / ranks + (r < num_experts % ranks ? 1 : 0);
      EXPECT_EQ(kept->placement[0].num_slots(r), room);
      if (surviving[r] != kNoRank) stay += std::min<uint64_t>(room, old[0].num_slots(surviving[r]));
    }
    EXPECT_EQ(kept->num_moves, num_experts - stay) << seed;
    EXPECT_EQ(kept->moved_bytes, 10 * kept->num_moves);
  }
}

TEST(KeepPlacementTest, AnUnchangedWorldMovesNothingReplicasIncluded) {
  const Placement old = {LayerPlacement::Make(4, {{0, 1, 2}, {3, 0, kEmptySlot}}).value()};
  const auto kept = KeepPlacement(Draft({Node("n", 2)}, 3), old, {0, 1}, {{9, 1, 1, 1}}, 0);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->placement, old);
  EXPECT_EQ(kept->num_moves, 0u);
}

TEST(KeepPlacementTest, ALostExpertThatLiesElsewhereIsNotMoved) {
  const Placement old = {LayerPlacement::Make(4, {{0, 1}, {1, 2}, {3, 0}}).value()};
  const auto kept = KeepPlacement(Draft({Node("n", 2)}, 3), old, {0, 1}, {{5, 5, 5, 5}}, 0);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->num_moves, 1u);  // expert 3 alone was lost with rank 2
  EXPECT_EQ(ExpertsOf(kept->placement[0], 0), (std::set<uint32_t>{0, 1, 3}));
}

TEST(KeepPlacementTest, ReplicasMakeRoomForExpertsThatHaveNone) {
  const Placement old = {LayerPlacement::Make(4, {{0, 1}, {0, 1}, {2, 3}}).value()};
  const auto kept = KeepPlacement(Draft({Node("n", 2)}, 2), old, {0, 1}, {{7, 1, 3, 2}}, 0);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->num_moves, 2u);
}

TEST(KeepPlacementTest, SpareSlotsTakeHotExpertsAsFarAsTheBytesGo) {
  const Placement old = {LayerPlacement::Contiguous(4, 2)};
  const JobDraft draft = Draft({Node("n", 2)}, 4);
  const GroupLoads loads = {{100, 1, 50, 1}};
  EXPECT_EQ(KeepPlacement(draft, old, {0, 1}, loads, 0)->num_moves, 0u);
  const auto one = KeepPlacement(draft, old, {0, 1}, loads, 19);
  EXPECT_EQ(one->num_moves, 1u);
  EXPECT_EQ(one->placement[0].SlotsOf(0).size(), 2u);
  EXPECT_EQ(KeepPlacement(draft, old, {0, 1}, loads, UINT64_MAX)->num_moves, 4u);
}

TEST(KeepPlacementTest, AnotherRoutersScheduleAndTooFewSlotsAreRefused) {
  const Placement old = {LayerPlacement::Contiguous(4, 2)};
  EXPECT_EQ(KeepPlacement(Draft({Node("n", 2)}, 0), old, {0, 1}, {{1, 1, 1}}, 0).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(KeepPlacement(Draft({Node("n", 2)}, 1), old, {0, 1}, {{1, 1, 1, 1}}, 0).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ReplanScheduleTest, AWorldThatLostANodeGoesOnWithTheFewestMovesAndServes) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    JobDraft next = job.spec.draft;
    next.topology.nodes.resize(1);
    next.topology.nodes[0].num_ranks = 1 + seed % 3;
    next.ep_size = next.topology.world_size();
    next.model.num_slots_per_rank = 0;
    const auto surviving = SurvivingRanks(job.spec.draft, next);
    const auto run = [&](const ReplanOptions& options) {
      auto made =
          ReplanSchedule(next, job.const_tables(), job.schedule->epochs[0].placement, surviving, options);
      EXPECT_TRUE(made.ok()) << made.status();
      return *std::move(made);
    };
    const ReplannedSchedule fewest = run(ReplanOptions());
    ReplanOptions more;
    more.move_bytes = 4 * (BytesOfMove(next, 0) + 1);
    more.iterations = 20;
    const ReplannedSchedule better = run(more);
    EXPECT_LE(better.moved_bytes, fewest.moved_bytes + more.move_bytes);
    EXPECT_GE(better.num_moves, fewest.num_moves);
    EXPECT_EQ(run(more).schedule.digest(), better.schedule.digest());
    const JobSpec spec{next, better.schedule.digest()};
    const auto planner =
        BatchPlanner::Create(spec, job.const_tables(), std::make_shared<PlacementSchedule>(better.schedule));
    ASSERT_TRUE(planner.ok()) << planner.status();
    EXPECT_TRUE((*planner)->PlanStep(0, 0).ok());
  }
}

}  // namespace
}  // namespace grouter
