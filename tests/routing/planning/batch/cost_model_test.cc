#include "routing/planning/batch/cost_model.h"

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

uint64_t Predict(const JobDraft& draft, const testing::FakeRoutingTable& table, const LayerPlacement& layer) {
  const WorldShape world = WorldShape::Of(draft.topology, draft.ep_size);
  const TrafficModel model(draft, world, {layer});
  std::vector<TrafficSample> samples(8);
  for (uint64_t s = 0; s < samples.size(); ++s) {
    samples[s].sample = s;
    samples[s].facts = table.facts(s);
    samples[s].routes.push_back(table.Routes(s, 0).value());
  }
  return PredictMicroBatchNs(model, *MicroBatchTraffic::Make(model, samples, 1).value());
}

JobDraft Draft() {
  JobDraft draft;
  draft.topology = Topology::Uniform(2, 1);
  draft.ep_size = 2;
  draft.model.layer_group_of_layer = {0};
  draft.model.hidden_size = 64;
  draft.model.expert_weight_bytes = 4000;
  draft.batch.samples_per_step = 8;
  return draft;
}

TEST(CostModelTest, SlowerLinksAndDevicesCostMore) {
  const auto table = testing::MakeFakeTable(testing::FakeTableOptions());
  const LayerPlacement layer = LayerPlacement::Contiguous(16, 2);
  JobDraft draft = Draft();
  const uint64_t base = Predict(draft, *table, layer);
  EXPECT_GT(base, 0u);
  draft.topology.nodes[1].scale_out.bytes_per_second /= 2;
  const uint64_t slow_link = Predict(draft, *table, layer);
  EXPECT_GT(slow_link, base);
  draft.topology.nodes[0].flops_per_second /= 4;
  EXPECT_GT(Predict(draft, *table, layer), slow_link);
  draft.model.layer_group_of_layer = {0, 0};
  EXPECT_EQ(Predict(draft, *table, layer), 2 * Predict(
                                                   [&] {
                                                     JobDraft one = draft;
                                                     one.model.layer_group_of_layer = {0};
                                                     return one;
                                                   }(),
                                                   *table, layer));
}

TEST(CostModelTest, OneRankSendsNothing) {
  const auto table = testing::MakeFakeTable(testing::FakeTableOptions());
  JobDraft draft = Draft();
  draft.topology = Topology::Uniform(1, 1);
  draft.ep_size = 1;
  draft.model.expert_weight_bytes = 0;
  EXPECT_EQ(Predict(draft, *table, LayerPlacement::Contiguous(16, 1)), 0u);
}

}  // namespace
}  // namespace grouter
