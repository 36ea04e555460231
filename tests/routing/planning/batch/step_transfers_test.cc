#include "routing/planning/batch/step_transfers.h"

#include "gtest/gtest.h"
#include "routing/planning/batch_planner.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

TEST(StepTransfersTest, ReplicasSumGradientsAtTheOwnerAndGetItsWeights) {
  testing::FakeTableOptions table;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 3);
  draft.ep_size = 3;
  draft.batch.samples_per_step = 6;
  draft.model.layer_group_of_layer = {0, 0};
  draft.model.expert_weight_bytes = 40;
  draft.model.expert_gradient_bytes = 30;
  const testing::SmallJob job = testing::MakeJob({table}, draft, /*replicas=*/2);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  const LayerPlacement& layer = job.schedule->epochs[0].placement[0];
  uint64_t extra = 0;
  for (uint32_t e = 0; e < 16; ++e) extra += layer.SlotsOf(e).size() - 1;
  ASSERT_GT(extra, 0u);
  uint64_t sent = 0, received = 0;
  for (uint32_t r = 0; r < 3; ++r) {
    const StepPart part = planner->PlanStep(0, r).value();
    for (const Transfer& transfer : part.transfers) {
      const bool owner = layer.OwnerOf(transfer.expert).rank == r;
      const bool reduce = transfer.kind == TransferKind::kReduceGradient;
      EXPECT_EQ(transfer.outgoing, reduce != owner);
      EXPECT_EQ(transfer.bytes, reduce ? 30u : 40u);
      EXPECT_EQ(transfer.before_use, part.num_accesses);
      (transfer.outgoing ? sent : received) += 1;
    }
  }
  EXPECT_EQ(sent, 2 * 2 * extra);  // two layers, a gradient and a weight each
  EXPECT_EQ(received, sent);
}

TEST(StepTransfersTest, NeedOrderNamesEveryUsedExpertOnceInOrderOfFirstUse) {
  testing::FakeTableOptions table;
  table.num_layer_groups = 2;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 6;
  const testing::SmallJob job = testing::MakeJob({table}, draft);
  const auto planner = BatchPlanner::Create(job.spec, job.const_tables(), job.schedule).value();
  const StepPart part = planner->PlanStep(0, 1).value();
  for (size_t i = 1; i < part.need_order.size(); ++i) {
    EXPECT_LT(std::make_pair(part.need_order[i - 1].layer, part.need_order[i - 1].slot),
              std::make_pair(part.need_order[i].layer, part.need_order[i].slot));
  }
  EXPECT_EQ(part.num_accesses, 2 * part.need_order.size());
  EXPECT_TRUE(part.accesses.empty());
}

}  // namespace
}  // namespace grouter
