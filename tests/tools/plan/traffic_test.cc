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

TEST(InOrderPlannerTest, ExpertsAndSamplesAreDealtInOrderWhateverTheJobChose) {
  testing::FakeTableOptions table;
  table.num_experts = 10;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 3);
  draft.topology.nodes[0].memory_bytes = 1;  // too little for anything
  draft.ep_size = 3;
  draft.batch.samples_per_step = 6;
  const testing::SmallJob job = testing::MakeJob({table}, draft, /*replicas=*/2);
  const auto planner = MakeInOrderPlanner(job.spec.draft, job.const_tables());
  ASSERT_TRUE(planner.ok()) << planner.status();
  EXPECT_EQ((*planner)->schedule().epochs[0].placement[0], LayerPlacement::Contiguous(10, 3));
  const auto step = (*planner)->Assign(0);
  ASSERT_TRUE(step.ok()) << step.status();
  std::vector<uint64_t> dealt, listed;
  for (const auto& rank : step->by_rank) {
    for (const SampleRef& ref : rank[0]) dealt.push_back(ref.sample);
  }
  for (const SampleRef& ref : step->samples) listed.push_back(ref.sample);
  EXPECT_EQ(dealt, listed);
}

TEST(RemoteRowsTest, TheDiagonalStaysHome) { EXPECT_EQ(RemoteRows({{5, 2}, {3, 7}}), 5); }

}  // namespace
}  // namespace grouter
