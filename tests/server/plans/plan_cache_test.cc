#include "server/plans/plan_cache.h"

#include <future>

#include "gtest/gtest.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class PlanCacheTest : public ::testing::Test {
 protected:
  PlanCacheTest() {
    job_->digest = served_.spec.digest();
    job_->planner = served_.Planner();
    job_->tables = served_.tables;
  }
  absl::StatusOr<PlanCache::Part> Get(PlanCache* cache, const PartKey& key) {
    std::promise<absl::StatusOr<PlanCache::Part>> promise;
    cache->Get(job_, key, [&](const absl::StatusOr<PlanCache::Part>& part) { promise.set_value(part); });
    return promise.get_future().get();
  }

  const testing::ServedJob served_ = testing::MakeServedJob();
  std::shared_ptr<Job> job_ = std::make_shared<Job>();
  WorkerPool workers_{2};
};

TEST_F(PlanCacheTest, PartsAreThePlannersBytes) {
  PlanCache cache(1 << 20, &workers_);
  for (uint32_t rank = 0; rank < 2; ++rank) {
    const auto oracle = served_.Local(rank);
    EXPECT_EQ((*Get(&cache, {2, 0, rank, 0, 0}))->payload.Flatten(), testing::StepBytes(oracle.get(), 2));
    EXPECT_EQ((*Get(&cache, {2, 2, rank, 0, 0}))->payload.Flatten(),
              testing::MicroBatchBytes(oracle.get(), 2, 1));
  }
}

TEST_F(PlanCacheTest, RanksShareTheWorkOfAMicroBatch) {
  PlanCache cache(1 << 20, &workers_);
  ASSERT_TRUE(Get(&cache, {0, 1, 0, 0, 0}).ok());
  ASSERT_TRUE(Get(&cache, {0, 1, 1, 0, 0}).ok());
  EXPECT_EQ(cache.counters().misses, 1u);
  EXPECT_EQ(cache.counters().hits, 1u);
  EXPECT_EQ(job_->statistics.Read().micro_batches, 1u);
}

TEST_F(PlanCacheTest, LookingAsksForNothing) {
  PlanCache cache(1 << 20, &workers_);
  const PartKey key{0, 1, 1, 0, 0};
  EXPECT_EQ(cache.Look(*job_, key).part, nullptr);
  EXPECT_FALSE(cache.Look(*job_, key).known);
  EXPECT_EQ(cache.counters().misses, 0u);
  const auto part = Get(&cache, key);
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(cache.Look(*job_, key).part, *part);
  EXPECT_TRUE(cache.Look(*job_, key).known);
  EXPECT_EQ(cache.Look(*job_, {0, 1, 99, 0, 0}).part, nullptr);
  EXPECT_FALSE(cache.Look(*job_, {0, 2, 0, 0, 0}).known);
}

TEST_F(PlanCacheTest, KeepsNoMoreThanItsBytes) {
  PlanCache cache(1, &workers_);
  ASSERT_TRUE(Get(&cache, {0, 1, 0, 0, 0}).ok());
  EXPECT_EQ(cache.counters().bytes, 0u);
  ASSERT_TRUE(Get(&cache, {0, 1, 0, 0, 0}).ok());
  EXPECT_EQ(cache.counters().misses, 2u);
}

TEST_F(PlanCacheTest, LayerGroupsAreAskedForByRange) {
  PlanCache cache(1 << 20, &workers_);
  const auto part = Get(&cache, {0, 1, 0, 1, 1});
  ASSERT_TRUE(part.ok()) << part.status();
  const std::string bytes = (*part)->payload.Flatten();
  const auto plan = DecodeMicroBatchPlan(bytes, nullptr);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->layer_groups.size(), 1u);
  EXPECT_EQ(plan->layer_groups[0].layer_group, 1u);
  EXPECT_EQ(Get(&cache, {0, 1, 0, 2, 1}).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(PlanCacheTest, ErrorsAreToldAndNotKept) {
  PlanCache cache(1 << 20, &workers_);
  EXPECT_EQ(Get(&cache, {99, 1, 0, 0, 0}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Get(&cache, {0, 1, 99, 0, 0}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(Get(&cache, {0, 1, 0, 0, 0}).ok());
}

TEST_F(PlanCacheTest, ForgettingAJobFreesItsParts) {
  PlanCache cache(1 << 20, &workers_);
  ASSERT_TRUE(Get(&cache, {0, 1, 0, 0, 0}).ok());
  EXPECT_GT(cache.counters().bytes, 0u);
  cache.Forget(job_->digest);
  EXPECT_EQ(cache.counters().bytes, 0u);
}

TEST_F(PlanCacheTest, AStoppedPoolIsUnavailable) {
  WorkerPool stopped(1);
  stopped.Stop();
  PlanCache cache(1 << 20, &stopped);
  EXPECT_EQ(Get(&cache, {0, 1, 0, 0, 0}).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace grouter
