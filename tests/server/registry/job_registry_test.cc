#include "server/registry/job_registry.h"

#include "gtest/gtest.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class JobRegistryTest : public ::testing::Test {
 protected:
  JobSpec Another(uint64_t seed) {
    // A schedule names its draft, so another job needs another schedule.
    JobSpec spec = job_.spec;
    spec.draft.seed = seed;
    PlacementSchedule schedule = *job_.schedule;
    schedule.draft = spec.draft.digest();
    EXPECT_TRUE(artefacts_.StoreSchedule(schedule).ok());
    spec.schedule = schedule.digest();
    return spec;
  }

  const testing::ServedJob job_ = testing::MakeServedJob();
  ArtefactRegistry artefacts_{{job_.root}, FileSystem::Local()};
  JobRegistry jobs_{{2, std::chrono::seconds(600)}, &artefacts_};
};

TEST_F(JobRegistryTest, RegisteringIsIdempotentAndContentAddressed) {
  const auto first = jobs_.Register(job_.spec, "one");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->already_registered);
  const auto again = jobs_.Register(job_.spec, "another label");
  EXPECT_TRUE(again->already_registered);
  EXPECT_EQ(again->job.get(), first->job.get());
  EXPECT_EQ(first->job->digest, job_.spec.digest());
}

TEST_F(JobRegistryTest, FindsByDigestAndByPrefix) {
  EXPECT_EQ(jobs_.Find(job_.spec.digest()).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(jobs_.Register(job_.spec, "").ok());
  EXPECT_TRUE(jobs_.Find(job_.spec.digest().Hex()).ok());
  EXPECT_TRUE(jobs_.Find(job_.spec.digest().Hex().substr(0, 8)).ok());
  EXPECT_EQ(jobs_.Find(job_.spec.digest().Hex().substr(0, 7)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(jobs_.Find("zzzzzzzzzz").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(JobRegistryTest, UnknownTablesAndSchedulesAreNotFound) {
  JobSpec spec = job_.spec;
  spec.draft.tables[0].table = Sha256("elsewhere");
  EXPECT_EQ(jobs_.Register(spec, "").status().code(), absl::StatusCode::kNotFound);
  spec = job_.spec;
  spec.schedule = Sha256("elsewhere");
  EXPECT_EQ(jobs_.Register(spec, "").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(JobRegistryTest, APlannerVersionAboveTheLimitIsHeldBackUntilTheLimitIsRaised) {
  JobSpec older = job_.spec;
  older.draft.planner_version = kPlannerVersion - 1;
  PlacementSchedule schedule = *job_.schedule;
  schedule.draft = older.draft.digest();
  ASSERT_TRUE(artefacts_.StoreSchedule(schedule).ok());
  older.schedule = schedule.digest();
  jobs_.SetMaxPlannerVersion(kPlannerVersion - 1);
  EXPECT_TRUE(jobs_.Register(older, "").ok());
  EXPECT_EQ(jobs_.Register(job_.spec, "").status().code(), absl::StatusCode::kUnimplemented);
  jobs_.SetMaxPlannerVersion(kPlannerVersion);
  EXPECT_TRUE(jobs_.Register(job_.spec, "").ok());
  jobs_.SetMaxPlannerVersion(kPlannerVersion - 1);
  EXPECT_TRUE(jobs_.Register(job_.spec, "")->already_registered);
}

TEST_F(JobRegistryTest, ADamagedTableMakesItsJobsDataLoss) {
  ASSERT_TRUE(jobs_.Register(job_.spec, "").ok());
  artefacts_.MarkDamaged(job_.tables[0]->content_digest(), "overwritten");
  EXPECT_EQ(jobs_.Find(job_.spec.digest()).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(JobRegistryTest, AJobWithATableThatTheCallerMayNotUseIsNotFoundWhateverItsState) {
  ASSERT_TRUE(jobs_.Register(job_.spec, "").ok());
  const std::string hex = job_.spec.digest().Hex();
  const auto mine = [](absl::string_view table) { return table == "tables/train"; };
  const auto others = [](absl::string_view table) { return table != "tables/train"; };
  EXPECT_TRUE(jobs_.Find(hex, mine).ok());
  const absl::Status forbidden = jobs_.Find(hex, others).status();
  EXPECT_EQ(forbidden.code(), absl::StatusCode::kNotFound);
  artefacts_.MarkDamaged(job_.tables[0]->content_digest(), "overwritten");
  EXPECT_EQ(jobs_.Find(hex, others).status(), forbidden);
  EXPECT_EQ(jobs_.Find(hex, mine).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(JobRegistryTest, JobsInUseFillTheRegistryAndIdleOnesMakeRoom) {
  ASSERT_TRUE(jobs_.Register(Another(1), "").ok());
  ASSERT_TRUE(jobs_.Register(Another(2), "").ok());
  EXPECT_EQ(jobs_.Register(Another(3), "").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(jobs_.List().size(), 2u);
  JobRegistry forgetful({1, std::chrono::seconds(0)}, &artefacts_);
  ASSERT_TRUE(forgetful.Register(Another(1), "").ok());
  EXPECT_TRUE(forgetful.Register(Another(2), "").ok());
  EXPECT_EQ(forgetful.List().size(), 1u);
}

TEST_F(JobRegistryTest, WorkersHoldAJob) {
  const auto job = jobs_.Register(job_.spec, "")->job;
  EXPECT_EQ(jobs_.Forget(job->digest, false).code(), absl::StatusCode::kFailedPrecondition);
  const Workers::Id id = job->workers.Join("w", 0);
  EXPECT_EQ(jobs_.Forget(job->digest, true).code(), absl::StatusCode::kFailedPrecondition);
  job->workers.Leave(id);
  EXPECT_TRUE(jobs_.Forget(job->digest, true).ok());
  EXPECT_EQ(jobs_.Forget(job->digest, true).code(), absl::StatusCode::kNotFound);
}

TEST_F(JobRegistryTest, TheNewestOfAChainIsKnown) {
  ASSERT_TRUE(jobs_.Register(job_.spec, "").ok());
  EXPECT_EQ(jobs_.Newest(job_.spec.digest()), job_.spec.digest());
  JobSpec next = job_.spec;
  next.draft.continues = Continues{job_.spec.digest(), 8};
  next.draft.batch.num_steps = 4;
  PlacementSchedule schedule = *job_.schedule;
  schedule.draft = next.draft.digest();
  ASSERT_TRUE(artefacts_.StoreSchedule(schedule).ok());
  next.schedule = schedule.digest();
  const auto registered = jobs_.Register(next, "");
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->job->generation, 1u);
  EXPECT_EQ(jobs_.Newest(job_.spec.digest()), next.digest());
}

}  // namespace
}  // namespace grouter
