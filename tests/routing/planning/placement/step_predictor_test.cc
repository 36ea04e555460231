#include "routing/planning/placement/step_predictor.h"

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

testing::SmallJob Job() {
  testing::FakeTableOptions table;
  table.num_experts = 16;
  table.shortest = table.longest = 64;
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 2);
  draft.ep_size = 4;
  draft.batch.samples_per_step = 8;
  draft.batch.num_micro_batches = 2;
  return testing::MakeJob({table}, draft);
}

TEST(StepPredictorTest, TheMeanIsOfTheStepsThatAreNamed) {
  const testing::SmallJob job = Job();
  const StepPredictor predictor(job.spec.draft, job.const_tables());
  const Placement& placement = job.schedule->epochs[0].placement;
  const uint64_t one = predictor.MeanStepNs({1}, placement).value();
  const uint64_t three = predictor.MeanStepNs({3}, placement).value();
  EXPECT_GT(one, 0u);
  EXPECT_NE(one, three);
  EXPECT_EQ(predictor.MeanStepNs({1, 3}, placement).value(), (one + three) / 2);
}

TEST(StepPredictorTest, TheCostOfAStepIsTheSumOfItsParts) {
  const testing::SmallJob job = Job();
  const StepPredictor predictor(job.spec.draft, job.const_tables());
  const Placement& placement = job.schedule->epochs[0].placement;
  const MoeCost cost = predictor.Cost(1, placement).value();
  EXPECT_EQ(cost.scale_out_ns + cost.scale_up_ns + cost.expert_ns,
            predictor.MeanStepNs({1}, placement).value());
  EXPECT_GT(cost.scale_out_rows, 0u);
  EXPECT_GT(cost.scale_up_rows, 0u);
}

TEST(StepPredictorTest, AllExpertsOfATopicOnOneRankTakeLonger) {
  testing::SmallJob job = Job();
  for (TopologyNode& node : job.spec.draft.topology.nodes) node.flops_per_second = 1'000'000;
  job.spec.draft.model.expert_weight_bytes = 4096;
  const StepPredictor predictor(job.spec.draft, job.const_tables());
  const uint64_t even = predictor.MeanStepNs({0}, job.schedule->epochs[0].placement).value();
  std::vector<std::vector<uint32_t>> slots(4, std::vector<uint32_t>(13, kEmptySlot));
  for (uint32_t e = 0; e < 13; ++e) slots[0][e] = e;
  for (uint32_t r = 1; r < 4; ++r) slots[r][0] = 12 + r;
  const Placement heaped(1, LayerPlacement::Make(16, slots).value());
  EXPECT_GT(predictor.MeanStepNs({0}, heaped).value(), even);
}

}  // namespace
}  // namespace grouter
