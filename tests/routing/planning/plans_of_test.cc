#include "routing/planning/plans_of.h"

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TEST(PlansOfTest, GivesThePlannersOwnPlansAndSampleLists) {
  const testing::SmallJob job = testing::RandomJob(3);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  const PlansUnderTest plans = PlansOf(*planner);
  EXPECT_EQ(EncodeStepPart(*plans.step_part(0, 0)), EncodeStepPart(*planner->PlanStep(0, 0)));
  EXPECT_EQ(EncodeMicroBatchPlan(*plans.micro_batch(0, 0, 0)).Flatten(),
            EncodeMicroBatchPlan(*planner->PlanMicroBatch(0, 0, 0)).Flatten());
  EXPECT_EQ(plans.sample_list(0)->size(), planner->Assign(0)->samples.size());
}

TEST(PlansOfTest, AnErrorOfThePlannerComesThrough) {
  const testing::SmallJob job = testing::RandomJob(3);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  EXPECT_EQ(PlansOf(*planner).sample_list(planner->num_steps()).status().code(),
            absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace grouter
