#include "routing/planning/batch/rank_plan.h"

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TEST(RankPlanTest, TwoTokensOnTwoRanksBySmallHand) {
  testing::FakeTableOptions table;
  table.num_experts = 4;
  table.k = 2;
  table.num_samples = 2;
  table.shortest = table.longest = 1;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 2;
  draft.batch.assignment = AssignmentPolicy::kInOrder;
  testing::SmallJob job = testing::MakeJob({table}, draft);
  // Experts 0, 1 live on rank 0 and 2, 3 on rank 1. Sample 0 -> rank 0, sample 1 -> rank 1.
  job.tables[0]->SetId(0, 0, 0, 0, 0);
  job.tables[0]->SetId(0, 0, 0, 1, 2);
  job.tables[0]->SetId(1, 0, 0, 0, 3);
  job.tables[0]->SetId(1, 0, 0, 1, 2);
  const WorldShape world = WorldShape::Of(job.spec.draft.topology, 2);
  const TrafficModel model(job.spec.draft, world, job.schedule->epochs[0].placement);
  std::vector<TrafficSample> samples(2);
  for (uint64_t s = 0; s < 2; ++s) {
    samples[s].sample = s;
    samples[s].facts = job.tables[0]->facts(s);
    samples[s].routes.push_back(job.tables[0]->Routes(s, 0).value());
  }
  const auto traffic = MicroBatchTraffic::Make(model, samples, 1).value();
  const MicroBatchPlan first = PlanForRank(model, *traffic, 0), second = PlanForRank(model, *traffic, 1);
  const ChunkPlan& a = first.layer_groups[0].chunks[0];
  const ChunkPlan& b = second.layer_groups[0].chunks[0];
  EXPECT_EQ(a.send_splits, (std::vector<uint32_t>{1, 1}));
  EXPECT_EQ(a.recv_splits, (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(a.recv_counts, (std::vector<uint32_t>{1, 0, 0, 0}));
  EXPECT_EQ(b.send_splits, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(b.recv_splits, (std::vector<uint32_t>{1, 1}));
  EXPECT_EQ(b.recv_counts, (std::vector<uint32_t>{1, 0, 1, 1}));
  EXPECT_EQ(first.certificate.max_rank_pairs, 3u);
  EXPECT_EQ(first.certificate.mean_rank_pairs, 2u);
}

}  // namespace
}  // namespace grouter
