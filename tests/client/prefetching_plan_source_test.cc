#include "client/prefetching_plan_source.h"

#include <set>
#include <thread>

#include "client/local_plan_source.h"
#include "gtest/gtest.h"
#include "io/mutex.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

// Records which parts are asked for; can be told to fail.
class RecordingSource : public PlanSource {
 public:
  explicit RecordingSource(std::unique_ptr<PlanSource> source) : source_(std::move(source)) {}
  const JobSpec& spec() const override { return source_->spec(); }
  const Digest& job_digest() const override { return source_->job_digest(); }
  uint32_t rank() const override { return source_->rank(); }
  uint64_t num_steps() const override { return source_->num_steps(); }
  absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) override {
    if (!Record(step)) return absl::UnavailableError("told to fail");
    return source_->Step(step);
  }
  absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step, uint32_t m) override {
    if (!Record(step)) return absl::UnavailableError("told to fail");
    return source_->MicroBatch(step, m);
  }
  absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) override {
    return source_->PlacementAt(step);
  }
  void Finished(uint64_t) override {}
  void Close() override { source_->Close(); }

  void WaitForStep(uint64_t step) {
    MutexLock lock(&mutex_);
    while (asked_.count(step) == 0) changed_.Wait(&mutex_);
  }
  std::multiset<uint64_t> asked() {
    MutexLock lock(&mutex_);
    return asked_;
  }
  void FailNext(int calls) {
    MutexLock lock(&mutex_);
    failures_ = calls;
  }

 private:
  bool Record(uint64_t step) {
    MutexLock lock(&mutex_);
    asked_.insert(step);
    changed_.SignalAll();
    return failures_-- <= 0;
  }
  const std::unique_ptr<PlanSource> source_;
  Mutex mutex_;
  CondVar changed_;
  std::multiset<uint64_t> asked_ ABSL_GUARDED_BY(mutex_);
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
};

class PrefetchingPlanSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<PrefetchingPlanSource> Make(uint32_t depth) {
    JobDraft draft = testing::RandomDraft(3);
    draft.continues.reset();
    draft.tables.resize(1);
    draft.batch.samples_per_step = 2;
    draft.batch.num_micro_batches = 2;
    draft.batch.num_steps = 12;
    draft.model.layer_group_of_layer.assign(1, 0);
    testing::FakeTableOptions table;
    const testing::SmallJob job = testing::MakeJob({table}, draft);
    auto source = MakeLocalPlanSource(job.spec, job.const_tables(), job.schedule, 0);
    EXPECT_TRUE(source.ok()) << source.status();
    auto recording = std::make_unique<RecordingSource>(*std::move(source));
    inner_ = recording.get();
    return MakePrefetchingPlanSource(std::move(recording), depth);
  }
  RecordingSource* inner_ = nullptr;
};

TEST_F(PrefetchingPlanSourceTest, FetchesAheadWithoutBeingAsked) {
  const auto source = Make(2);
  ASSERT_TRUE(source->Step(0).ok());
  inner_->WaitForStep(2);
  EXPECT_EQ(inner_->asked().count(4), 0u);
  source->Finished(0);
  source->Finished(1);
  inner_->WaitForStep(4);
}

TEST_F(PrefetchingPlanSourceTest, WhatWasFetchedAheadIsNotFetchedAgain) {
  const auto source = Make(1);
  ASSERT_TRUE(source->Step(0).ok());
  inner_->WaitForStep(1);
  for (uint64_t step = 0; step < 12; ++step) {
    ASSERT_TRUE(source->Step(step).ok());
    for (uint32_t m = 0; m < 2; ++m) ASSERT_TRUE(source->MicroBatch(step, m).ok());
    source->Finished(step);
  }
  EXPECT_EQ(inner_->asked().size(), 12u * 3);
  EXPECT_EQ(source->metrics().ready + source->metrics().waited, 1u + 12 * 3);
}

TEST_F(PrefetchingPlanSourceTest, DepthZeroGoesStraightThrough) {
  const auto source = Make(0);
  ASSERT_TRUE(source->Step(0).ok());
  ASSERT_TRUE(source->MicroBatch(0, 1).ok());
  EXPECT_EQ(inner_->asked().size(), 2u);
}

TEST_F(PrefetchingPlanSourceTest, AFailureIsNotKept) {
  const auto source = Make(2);
  inner_->FailNext(1000);
  EXPECT_EQ(source->Step(0).status().code(), absl::StatusCode::kUnavailable);
  inner_->FailNext(0);
  EXPECT_TRUE(source->Step(0).ok());
}

TEST_F(PrefetchingPlanSourceTest, CloseEndsTheFetching) {
  const auto source = Make(3);
  ASSERT_TRUE(source->Step(0).ok());
  source->Close();
  EXPECT_EQ(source->Step(11).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace grouter
