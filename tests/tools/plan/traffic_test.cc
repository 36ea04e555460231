#include "tools/plan/traffic.h"

#include <gtest/gtest.h>

#include "tests/testing/small_job.h"

namespace grouter {
namespace {

using testing::MakeJob;
using testing::SmallJob;

JobDraft TwoGroupsOfTwo() {
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 8;
  draft.protocol = DispatchProtocol::kCopyPerExpert;
  draft.model.layer_group_of_layer = {0, 0, 0};
  draft.model.hidden_size = 8;
  return draft;
}

TEST(TrafficTest, EveryPairOfEveryLayerIsARowAndNoneLeavesItsGroup) {
  testing::FakeTableOptions table;
  table.num_samples = 32;
  const SmallJob job = MakeJob({table}, TwoGroupsOfTwo());
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
  ASSERT_TRUE(planner.ok()) << planner.status();
  const auto traffic = TrafficOf(**planner, (*planner)->num_steps());
  ASSERT_TRUE(traffic.ok()) << traffic.status();
  uint64_t rows = 0;
  for (const auto& from : *traffic) {
    for (const uint64_t count : from) rows += count;
  }
  EXPECT_EQ(rows, 32 * 16 * 4 * 3);  // samples x tokens x k x layers
  for (const int from : {0, 1}) {
    for (const int to : {2, 3}) EXPECT_EQ((*traffic)[from][to] + (*traffic)[to][from], 0);
  }
  EXPECT_GT(RemoteRows(*traffic), 0);
  EXPECT_LT(RemoteRows(*traffic), rows);
}

TEST(TrafficTest, FewerStepsAreSpreadAndReported) {
  testing::FakeTableOptions table;
  table.num_samples = 64;
  const SmallJob job = MakeJob({table}, TwoGroupsOfTwo());
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule);
  ASSERT_TRUE(planner.ok()) << planner.status();
  uint64_t calls = 0, total = 0;
  ASSERT_TRUE(TrafficOf(**planner, 3, [&](uint64_t, uint64_t all) {
                ++calls;
                total = all;
              }).ok());
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(total, 3);
}

TEST(RemoteRowsTest, TheDiagonalStaysHome) { EXPECT_EQ(RemoteRows({{5, 2}, {3, 7}}), 5); }

}  // namespace
}  // namespace grouter
