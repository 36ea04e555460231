#include "routing/planning/placement/place_experts.h"

#include "gtest/gtest.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/verify_plans.h"
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

TEST(PlaceExpertsTest, ThePapersPipelineServesTheJobToo) {
  const testing::SmallJob job = Job(7);
  PlaceOptions options;
  options.policy = GroupingPolicy::kSampleClusters;
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
