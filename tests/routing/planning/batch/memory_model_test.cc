#include "routing/planning/batch/memory_model.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(MemoryModelTest, PadsEachSlotsPairs) {
  const std::vector<uint32_t> counts = {1, 0, 8, 2, 0, 1};  // two sources, three slots
  EXPECT_EQ(AlignedRows(counts, 3, 1), 12u);
  EXPECT_EQ(AlignedRows(counts, 3, 8), 8u + 0u + 16u);
  EXPECT_EQ(AlignedRows({}, 0, 8), 0u);
}

TEST(MemoryModelTest, CountsBuffersBothWays) {
  ModelShape model;
  model.hidden_size = 10;
  model.activation_bytes = 2;
  ChunkPlan chunk;
  chunk.send_splits = {1, 2};
  chunk.recv_splits = {4, 0};
  chunk.forward_recv_splits = {5, 0};
  chunk.aligned_rows = 8;
  EXPECT_EQ(ChunkPeakBytes(model, chunk), 2u * 20 * (3 + 4 + 5 + 8));
}

TEST(MemoryModelTest, AddsExpertsKeptInputsAndTheLargestChunk) {
  ModelShape model;
  model.layer_group_of_layer = {0, 0};
  model.hidden_size = 1;
  model.activation_bytes = 1;
  model.expert_weight_bytes = 100;
  model.expert_gradient_bytes = 10;
  model.expert_moment_bytes = 1;
  const Placement placement = {LayerPlacement::Contiguous(3, 2)};
  EXPECT_EQ(ExpertBytes(model, placement, 0), 2u * 2 * 111);
  EXPECT_EQ(ExpertBytes(model, placement, 1), 2u * 111);
  MicroBatchPlan plan;
  plan.layer_groups.resize(1);
  plan.layer_groups[0].chunks.resize(2);
  plan.layer_groups[0].chunks[0].aligned_rows = 7;
  plan.layer_groups[0].chunks[0].peak_bytes = 50;
  plan.layer_groups[0].chunks[1].peak_bytes = 40;
  EXPECT_EQ(PlanBytes(model, placement, 1, plan), 222u + 2 * 7 + 50);
  model.recompute_experts = true;
  EXPECT_EQ(PlanBytes(model, placement, 1, plan), 222u + 50);
  model.num_resident_experts = 1;
  EXPECT_EQ(ExpertBytes(model, placement, 1), 110u);
}

}  // namespace
}  // namespace grouter
