#include "routing/planning/placement/place_experts.h"

#include "gtest/gtest.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/plans_of.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

testing::SmallJob Job(uint32_t slots_per_rank) {
  testing::FakeTableOptions table;
  table.num_experts = 22;
  table.num_layer_groups = 2;
  table.shortest = table.longest = 64;
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  draft.ep_size = 4;
  draft.batch.samples_per_step = 8;
  draft.model.num_slots_per_rank = slots_per_rank;
  return testing::MakeJob({table}, draft);
}

TEST(PlaceExpertsTest, ItsScheduleServesTheJobAndPassesTheVerifier) {
  for (uint32_t slots : {0u, 6u, 9u}) {
    const testing::SmallJob job = Job(slots);
    PlaceOptions options;
    options.iterations = 20000;
    const auto schedule = PlaceExperts(job.spec.draft, job.const_tables(), options);
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    EXPECT_LE(schedule->predicted_step_ns, schedule->contiguous_step_ns);
    const JobSpec spec{job.spec.draft, schedule->digest()};
    const auto shared = std::make_shared<PlacementSchedule>(*schedule);
    const auto planner = BatchPlanner::Create(spec, job.const_tables(), shared);
    ASSERT_TRUE(planner.ok()) << planner.status();
    const auto report = VerifyPlans(spec, job.const_tables(), *schedule, PlansOf(**planner), 0, 3);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->findings.empty()) << report->findings[0];
  }
}

TEST(PlaceExpertsTest, EveryPolicysScheduleServesTheJobWithOrWithoutSpareSlots) {
  for (GroupingPolicy policy :
       {GroupingPolicy::kSampleClusters, GroupingPolicy::kLevel, GroupingPolicy::kJoint}) {
    for (uint32_t slots : {0u, 7u}) {
      testing::SmallJob job = Job(slots);
      if (policy == GroupingPolicy::kJoint) job.spec.draft.topology = Topology::Uniform(1, 4);
      PlaceOptions options;
      options.iterations = 20000;
      options.policy = policy;
      const auto schedule = PlaceExperts(job.spec.draft, job.const_tables(), options);
      ASSERT_TRUE(schedule.ok()) << schedule.status();
      const JobSpec spec{job.spec.draft, schedule->digest()};
      const auto shared = std::make_shared<PlacementSchedule>(*schedule);
      const auto planner = BatchPlanner::Create(spec, job.const_tables(), shared);
      ASSERT_TRUE(planner.ok()) << planner.status();
      const auto report = VerifyPlans(spec, job.const_tables(), *schedule, PlansOf(**planner), 0, 3);
      ASSERT_TRUE(report.ok()) << report.status();
      EXPECT_TRUE(report->findings.empty()) << report->findings[0];
    }
  }
}

TEST(PlaceExpertsTest, TheSearchIsNeverSlowerThanAPolicyThatItTriesToo) {
  for (uint32_t nodes : {1u, 2u}) {
    for (uint32_t slots : {0u, 7u, 9u}) {
      testing::SmallJob job = Job(slots);
      job.spec.draft.topology = Topology::Uniform(nodes, 4 / nodes);
      PlaceOptions options;
      options.iterations = 20000;
      options.load_cap = 4;  // holds for any placement
      const auto searched = PlaceExperts(job.spec.draft, job.const_tables(), options);
      ASSERT_TRUE(searched.ok()) << searched.status();
      for (GroupingPolicy policy : {GroupingPolicy::kLevel, GroupingPolicy::kJoint}) {
        if (policy == GroupingPolicy::kJoint && nodes > 1) continue;
        options.policy = policy;
        const auto other = PlaceExperts(job.spec.draft, job.const_tables(), options);
        ASSERT_TRUE(other.ok()) << other.status();
        EXPECT_LE(searched->predicted_step_ns, other->predicted_step_ns)
            << nodes << " nodes, " << slots << " slots";
      }
    }
  }
}

TEST(PlaceExpertsTest, ItJudgesSixteenSmallStepsAndFewLargeOnes) {
  testing::SmallJob job = Job(0);  // 8 samples of 64 tokens, two layer groups
  EXPECT_EQ(JudgedSteps(job.spec.draft, job.const_tables()), 16u);
  job.spec.draft.batch.samples_per_step = 1 << 13;
  EXPECT_EQ(JudgedSteps(job.spec.draft, job.const_tables()), 4u);
  job.spec.draft.batch.samples_per_step = 1 << 20;
  EXPECT_EQ(JudgedSteps(job.spec.draft, job.const_tables()), 2u);
}

TEST(PlaceExpertsTest, JointPlacementIsRefusedForAGroupOnSeveralNodes) {
  const testing::SmallJob job = Job(0);
  PlaceOptions options;
  options.policy = GroupingPolicy::kJoint;
  const absl::Status status = PlaceExperts(job.spec.draft, job.const_tables(), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("ep_size"), std::string::npos) << status;
}

TEST(PlaceExpertsTest, TheSameArgumentsGiveTheSameDigest) {
  const testing::SmallJob job = Job(7);
  PlaceOptions options;
  options.iterations = 5000;
  const auto a = PlaceExperts(job.spec.draft, job.const_tables(), options);
  const auto b = PlaceExperts(job.spec.draft, job.const_tables(), options);
  EXPECT_EQ(a->digest(), b->digest());
}

TEST(PlaceExpertsTest, AffinityIsNotBoughtWithImbalanceThatCostsMore) {
  // Links so fast that only the busiest rank's experts take time: the even grouping must win over the loose
  // one.
  testing::SmallJob job = Job(0);
  for (TopologyNode& node : job.spec.draft.topology.nodes) {
    node.scale_up = node.scale_out = {1'000'000'000'000'000, 0};
    node.flops_per_second = 1'000'000;
  }
  PlaceOptions loose, even;
  loose.load_cap = 3.0;
  even.load_cap = 1.02;
  const auto with_room = PlaceExperts(job.spec.draft, job.const_tables(), loose);
  const auto without = PlaceExperts(job.spec.draft, job.const_tables(), even);
  ASSERT_TRUE(with_room.ok() && without.ok());
  EXPECT_LE(with_room->predicted_step_ns, without->predicted_step_ns * 11 / 10);
}

TEST(PlaceExpertsTest, OneGroupingForAllLayerGroupsWhenAsked) {
  const testing::SmallJob job = Job(0);
  PlaceOptions options;
  options.iterations = 5000;
  options.one_grouping_per_layer_group = false;
  const auto schedule = PlaceExperts(job.spec.draft, job.const_tables(), options);
  ASSERT_TRUE(schedule.ok());
  EXPECT_EQ(schedule->epochs[0].placement[0], schedule->epochs[0].placement[1]);
}

TEST(PlaceExpertsTest, RefusesSlotsThatDoNotSuffice) {
  const testing::SmallJob job = Job(5);
  EXPECT_EQ(PlaceExperts(job.spec.draft, job.const_tables(), PlaceOptions()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace grouter
