#include "trainer/plan_source_factory.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "tests/testing/training/small_training.h"

namespace grouter {
namespace {

TEST(MakeConfiguredPlanSource, WithoutServersPlansAreMadeHere) {
  const std::string folder = JoinPath(::testing::TempDir(), "factory");
  const testing::SmallTraining training(folder, {});
  const auto planner = training.Planner({}, "train");
  PlansConfig plans;
  plans.job = JoinPath(folder, "job.json");
  plans.tables = {JoinPath(folder, "table")};
  plans.schedule = JoinPath(folder, "schedule.bin");
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(WriteFileAtomically(files, plans.job, planner->spec().ToJson()).ok());
  ASSERT_TRUE(WriteFileAtomically(files, plans.schedule, planner->schedule().Encode()).ok());
  for (uint32_t plans_ahead : {0u, 2u}) {
    plans.plans_ahead = plans_ahead;
    const auto source = MakeConfiguredPlanSource(plans, 0);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->job_digest(), planner->job_digest());
    const auto plan = (*source)->MicroBatch(1, 0);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ((*plan)->num_tokens, planner->PlanMicroBatch(1, 0, 0)->num_tokens);
  }
}

TEST(MakeConfiguredPlanSource, WhatIsMissingIsAnError) {
  PlansConfig plans;
  plans.job = "/nonexistent/job.json";
  EXPECT_TRUE(absl::IsNotFound(MakeConfiguredPlanSource(plans, 0).status()));
  const std::string folder = JoinPath(::testing::TempDir(), "factory2");
  const testing::SmallTraining training(folder, {});
  plans.job = JoinPath(folder, "job.json");
  ASSERT_TRUE(
      WriteFileAtomically(FileSystem::Local(), plans.job, training.Planner({}, "train")->spec().ToJson())
          .ok());
  EXPECT_FALSE(MakeConfiguredPlanSource(plans, 0).ok());  // neither server nor tables
  plans.servers = {"127.0.0.1:1"};                        // nobody listens there
  plans.server_timeout = std::chrono::milliseconds(300);
  EXPECT_TRUE(absl::IsUnavailable(MakeConfiguredPlanSource(plans, 0).status()));
}

}  // namespace
}  // namespace grouter
