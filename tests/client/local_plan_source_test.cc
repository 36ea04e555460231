#include "client/local_plan_source.h"

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TEST(LocalPlanSourceTest, GivesThePlannersPlansForJobsOfAnyShape) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
    ASSERT_TRUE(planner.ok()) << planner.status();
    const uint32_t last = job.spec.draft.topology.world_size() - 1;
    const auto source = MakeLocalPlanSource(job.spec, job.const_tables(), job.schedule, last);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->num_steps(), (*planner)->num_steps());
    EXPECT_EQ(EncodeStepPart(**(*source)->Step(0)), EncodeStepPart(*(*planner)->PlanStep(0, last)));
    EXPECT_EQ(EncodeMicroBatchPlan(**(*source)->MicroBatch(0, 0)).Flatten(),
              EncodeMicroBatchPlan(*(*planner)->PlanMicroBatch(0, last, 0)).Flatten());
  }
}

TEST(LocalPlanSourceTest, ARankTheWorldDoesNotHaveIsOutOfRange) {
  const testing::SmallJob job = testing::RandomJob(1);
  const uint32_t world = job.spec.draft.topology.world_size();
  EXPECT_EQ(MakeLocalPlanSource(job.spec, job.const_tables(), job.schedule, world).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(LocalPlanSourceTest, AJobThatDoesNotHoldIsThePlannersError) {
  testing::SmallJob job = testing::RandomJob(1);
  job.spec.schedule = Sha256("another");
  EXPECT_FALSE(MakeLocalPlanSource(job.spec, job.const_tables(), job.schedule, 0).ok());
}

}  // namespace
}  // namespace grouter
