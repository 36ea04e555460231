#include "routing/planning/placement/schedule_epochs.h"

#include "gtest/gtest.h"
#include "routing/planning/batch_planner.h"
#include "routing/planning/placement/expert_moves.h"
#include "routing/planning/placement/refine.h"
#include "routing/planning/placement/step_predictor.h"
#include "routing/planning/plans_of.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

// Steps of one sample and experts that are slow: every step has a topic of its own, so the best placement
// changes from step to step.
testing::SmallJob DriftingJob() {
  testing::FakeTableOptions table;
  table.num_experts = 13;
  table.num_samples = 12;
  table.shortest = table.longest = 64;
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  for (TopologyNode& node : draft.topology.nodes) node.flops_per_second = 100'000'000;
  draft.ep_size = 4;
  draft.batch.samples_per_step = 2;
  draft.model.hidden_size = 8;
  draft.model.expert_weight_bytes = 4096;
  draft.model.expert_moment_bytes = 1;
  return testing::MakeJob({table}, draft, /*replicas=*/1);
}

EpochSchedule Schedule(const testing::SmallJob& job, const EpochOptions& options) {
  auto made = ScheduleEpochs(job.spec.draft, job.const_tables(), *job.schedule, options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

TEST(ScheduleEpochsTest, IsNeverWorseThanOneEpochAndHoldsBudgetSlotsAndCap) {
  for (uint64_t seed = 0; seed < 25; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    const JobDraft& draft = job.spec.draft;
    EpochOptions options;
    options.max_epochs = static_cast<uint32_t>(1 + seed % 4);
    options.move_bytes = seed % 3 == 0 ? UINT64_MAX : 4 * BytesOfMove(draft, 0);
    options.iterations = 10;
    const EpochSchedule made = Schedule(job, options);
    EXPECT_LE(made.predicted_run_ns, made.one_epoch_run_ns);
    const auto& epochs = made.schedule.epochs;
    EXPECT_LE(epochs.size(), options.max_epochs);
    const EpGroup group = EpGroupsOf(draft.topology, draft.ep_size)[0];
    const Placement& base = job.schedule->epochs[0].placement;
    for (size_t i = 0; i < epochs.size(); ++i) {
      for (size_t g = 0; g < base.size(); ++g) {
        for (uint32_t r = 0; r < draft.ep_size; ++r) {
          EXPECT_EQ(epochs[i].placement[g].num_slots(r), base[g].num_slots(r));
        }
      }
      if (i == 0) continue;
      EXPECT_GT(epochs[i].first_step, epochs[i - 1].first_step);
      EXPECT_FALSE(epochs[i].placement == epochs[i - 1].placement);
      EXPECT_LE(MovedBytes(draft, epochs[i].moves), options.move_bytes);
      EXPECT_EQ(epochs[i].moves.size(),
                MovesBetween(epochs[i - 1].placement, epochs[i].placement, group).size());
    }
    // What was made is a schedule that decodes, serves, and passes the verifier.
    const std::string bytes = made.schedule.Encode();
    const auto decoded = PlacementSchedule::Decode(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->Encode(), bytes);
    const JobSpec spec{draft, made.schedule.digest()};
    const auto planner =
        BatchPlanner::Create(spec, job.const_tables(), std::make_shared<PlacementSchedule>(made.schedule));
    ASSERT_TRUE(planner.ok()) << planner.status();
    const auto report = VerifyPlans(spec, job.const_tables(), made.schedule, PlansOf(**planner), 0,
                                    (*planner)->num_steps() - 1);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->findings.empty()) << seed << ": " << report->findings[0];
  }
}

TEST(ScheduleEpochsTest, FollowsLoadsThatDriftWhenMovesCostLess) {
  const testing::SmallJob job = DriftingJob();
  EpochOptions options;
  options.max_epochs = 6;
  options.num_segments = 6;
  options.move_bytes = UINT64_MAX;
  options.iterations = 100;
  const EpochSchedule made = Schedule(job, options);
  EXPECT_GT(made.schedule.epochs.size(), 1u);
  EXPECT_LT(made.predicted_run_ns, made.one_epoch_run_ns);
  // The sum is what the cost model says of every step and every change, worked out again.
  const StepPredictor predictor(job.spec.draft, job.const_tables());
  const EpGroup group = EpGroupsOf(job.spec.draft.topology, 4)[0];
  uint64_t total = 0;
  for (uint64_t step = 0; step < predictor.samples().num_steps(); ++step) {
    const PlacementEpoch& epoch = made.schedule.epochs[made.schedule.EpochOf(step)];
    total += predictor.MeanStepNs({step}, epoch.placement).value();
    if (epoch.first_step == step) total += PredictMovesNs(job.spec.draft, group, epoch.moves);
  }
  EXPECT_EQ(made.predicted_run_ns, total);
}

TEST(ScheduleEpochsTest, StaysWithOneEpochWhenNothingMayMoveOrMovesCostMore) {
  testing::SmallJob job = DriftingJob();
  EpochOptions options;
  options.max_epochs = 6;
  EXPECT_EQ(Schedule(job, options).schedule.digest(), job.schedule->digest());
  options.move_bytes = UINT64_MAX;
  job.spec.draft.model.expert_moment_bytes = uint64_t{1} << 40;
  const EpochSchedule made = Schedule(job, options);
  EXPECT_EQ(made.schedule.epochs.size(), 1u);
}

TEST(ScheduleEpochsTest, ARankWithoutSlotsAndExpertsWithoutLoadAreNoObstacle) {
  testing::FakeTableOptions table;
  table.num_experts = 3;
  table.k = 1;
  table.num_samples = 6;
  table.shortest = table.longest = 4;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 5);
  draft.ep_size = 5;
  draft.batch.samples_per_step = 2;
  const testing::SmallJob job = testing::MakeJob({table}, draft);
  ASSERT_EQ(job.schedule->epochs[0].placement[0].num_slots(4), 0u);
  for (uint64_t s = 0; s < job.tables[0]->num_samples(); ++s) {
    for (uint32_t t = 0; t < 4; ++t) job.tables[0]->SetId(s, 0, t, 0, 1);  // experts 0 and 2 have no load
  }
  EpochOptions options;
  options.max_epochs = 3;
  options.move_bytes = UINT64_MAX;
  const EpochSchedule made = Schedule(job, options);
  EXPECT_LE(made.predicted_run_ns, made.one_epoch_run_ns);
}

TEST(ScheduleEpochsTest, TheSameArgumentsGiveTheSameDigest) {
  const testing::SmallJob job = DriftingJob();
  EpochOptions options;
  options.max_epochs = 3;
  options.move_bytes = UINT64_MAX;
  options.iterations = 20;
  EXPECT_EQ(Schedule(job, options).schedule.digest(), Schedule(job, options).schedule.digest());
}

}  // namespace
}  // namespace grouter
