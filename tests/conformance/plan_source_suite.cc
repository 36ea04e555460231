#include "tests/conformance/plan_source_suite.h"

#include <future>
#include <thread>

#include "io/random.h"

namespace grouter {
namespace {

using testing::MakeServedJob;
using testing::MicroBatchBytes;
using testing::ServedJob;
using testing::StepBytes;

void ExpectEqualPlans(PlanSource* source, PlanSource* oracle, uint64_t step) {
  EXPECT_EQ(StepBytes(source, step), StepBytes(oracle, step)) << "step " << step;
  const uint32_t micro_batches = oracle->spec().draft.batch.num_micro_batches;
  for (uint32_t m = 0; m < micro_batches; ++m) {
    EXPECT_EQ(MicroBatchBytes(source, step, m), MicroBatchBytes(oracle, step, m))
        << "step " << step << ", " << m;
  }
}

TEST_P(PlanSourceTest, SaysWhatItIsASourceOf) {
  const ServedJob job = MakeServedJob();
  const SourceUnderTest made = GetParam().make(job, 1);
  EXPECT_EQ(made.source->job_digest(), job.spec.digest());
  EXPECT_EQ(made.source->spec().digest(), job.spec.digest());
  EXPECT_EQ(made.source->rank(), 1u);
  EXPECT_EQ(made.source->num_steps(), 6u);
}

TEST_P(PlanSourceTest, GivesThePlannersBytesForEveryStepAndRank) {
  const ServedJob job = MakeServedJob();
  for (uint32_t rank = 0; rank < 2; ++rank) {
    const SourceUnderTest made = GetParam().make(job, rank);
    const auto oracle = job.Local(rank);
    for (uint64_t step = 0; step < oracle->num_steps(); ++step) {
      ExpectEqualPlans(made.source.get(), oracle.get(), step);
      made.source->Finished(step);
    }
  }
}

TEST_P(PlanSourceTest, ServesPlansLargerThanAMessage) {
  testing::ServedJobOptions options;
  options.num_samples = 8;
  options.sample_length = 40000;
  options.k = 4;
  options.samples_per_step = 2;
  options.num_micro_batches = 1;
  options.num_steps = 3;
  options.second_epoch_at = 0;
  const ServedJob job = MakeServedJob(options);
  const SourceUnderTest made = GetParam().make(job, 0);
  const auto oracle = job.Local(0);
  for (uint64_t step = 0; step < 3; ++step) ExpectEqualPlans(made.source.get(), oracle.get(), step);
}

TEST_P(PlanSourceTest, GivesPartsInAnyOrderAndAgain) {
  const ServedJob job = MakeServedJob();
  const SourceUnderTest made = GetParam().make(job, 0);
  const auto oracle = job.Local(0);
  Random random(7);
  for (int i = 0; i < 40; ++i) {
    const uint64_t step = random.Below(oracle->num_steps());
    const uint32_t m = static_cast<uint32_t>(random.Below(2));
    EXPECT_EQ(MicroBatchBytes(made.source.get(), step, m), MicroBatchBytes(oracle.get(), step, m))
        << step << m;
    EXPECT_EQ(StepBytes(made.source.get(), step), StepBytes(oracle.get(), step));
  }
}

TEST_P(PlanSourceTest, PlansLiveAsLongAsTheyAreHeld) {
  const ServedJob job = MakeServedJob();
  SourceUnderTest made = GetParam().make(job, 0);
  const auto oracle = job.Local(0);
  const auto plan = made.source->MicroBatch(0, 1);
  ASSERT_TRUE(plan.ok()) << plan.status();
  made.source->Finished(5);
  made.source.reset();
  made.keep.clear();
  EXPECT_EQ(EncodeMicroBatchPlan(**plan).Flatten(), MicroBatchBytes(oracle.get(), 0, 1));
}

TEST_P(PlanSourceTest, IsUsedFromManyThreads) {
  const ServedJob job = MakeServedJob();
  const SourceUnderTest made = GetParam().make(job, 1);
  const auto oracle = job.Local(1);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 6; ++i) ExpectEqualPlans(made.source.get(), oracle.get(), (i + t) % 6);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(PlanSourceTest, PastTheLastStepIsOutOfRange) {
  const ServedJob job = MakeServedJob();
  const SourceUnderTest made = GetParam().make(job, 0);
  EXPECT_EQ(made.source->Step(6).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(made.source->MicroBatch(6, 0).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(made.source->MicroBatch(0, 2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(made.source->PlacementAt(6).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(made.source->Step(5).ok());
}

TEST_P(PlanSourceTest, KnowsThePlacementOfEveryStep) {
  const ServedJob job = MakeServedJob();
  const SourceUnderTest made = GetParam().make(job, 0);
  for (uint64_t step = 0; step < 6; ++step) {
    const auto epoch = made.source->PlacementAt(step);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    const PlacementEpoch& expected = job.schedule->epochs[step < 3 ? 0 : 1];
    EXPECT_EQ((*epoch)->first_step, expected.first_step);
    EXPECT_EQ((*epoch)->placement, expected.placement);
    EXPECT_EQ((*epoch)->moves.size(), expected.moves.size());
  }
}

TEST_P(PlanSourceTest, CloseEndsCallsWithCancelled) {
  const ServedJob job = MakeServedJob();
  const SourceUnderTest made = GetParam().make(job, 0);
  made.source->Close();
  made.source->Close();
  EXPECT_EQ(made.source->Step(0).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(made.source->MicroBatch(0, 0).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace grouter
