#include "server/registry/job_statistics.h"

#include <numeric>

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

uint64_t Sum(const std::vector<uint64_t>& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

TEST(JobStatisticsTest, SumsAgreeWithThePlansCounted) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
    ASSERT_TRUE(planner.ok()) << planner.status();
    const auto plans = (*planner)->PlanMicroBatchForAll(0, 0);
    ASSERT_TRUE(plans.ok()) << plans.status();
    JobStatistics statistics;
    statistics.Count(**planner, *plans);
    statistics.Count(**planner, *plans);  // counts once
    const JobSums sums = statistics.Read();
    EXPECT_EQ(sums.micro_batches, 1u);
    EXPECT_EQ(*sums.newest_step, 0u);
    uint64_t received = 0;
    uint64_t rows = 0;
    for (const MicroBatchPlan& plan : *plans) {
      received += plan.certificate.num_pairs_received;
      for (const LayerGroupPlan& group : plan.layer_groups) {
        for (const ChunkPlan& chunk : group.chunks) {
          for (const uint32_t split : chunk.send_splits) rows += split;
        }
      }
    }
    uint64_t load = 0;
    uint64_t rank_load = 0;
    for (const auto& group : sums.expert_load) load += Sum(group);
    for (const auto& group : sums.rank_load) rank_load += Sum(group);
    EXPECT_EQ(load, received);
    EXPECT_EQ(rank_load, received);
    EXPECT_EQ(sums.rows, rows);
    uint64_t in_matrix = 0;
    for (const auto& row : sums.rows_between_nodes) in_matrix += Sum(row);
    EXPECT_EQ(in_matrix, rows);
    EXPECT_LE(sums.rows_on_rank, sums.rows_on_node);
    EXPECT_LE(sums.rows_on_node, sums.rows);
  }
}

TEST(JobStatisticsTest, NothingCountedIsEmpty) {
  JobStatistics statistics;
  EXPECT_FALSE(statistics.Read().newest_step.has_value());
  EXPECT_EQ(statistics.Read().rows, 0u);
}

}  // namespace
}  // namespace grouter
