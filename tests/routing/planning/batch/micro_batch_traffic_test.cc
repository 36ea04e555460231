#include "routing/planning/batch/micro_batch_traffic.h"

#include <numeric>

#include "gtest/gtest.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

std::vector<TrafficSample> SamplesOf(const testing::SmallJob& job, uint64_t count) {
  std::vector<TrafficSample> samples;
  for (uint64_t s = 0; s < std::min<uint64_t>(count, job.tables[0]->num_samples()); ++s) {
    TrafficSample sample;
    sample.sample = s;
    sample.facts = job.tables[0]->facts(s);
    for (uint32_t l = 0; l < job.tables[0]->header().num_layer_groups; ++l) {
      sample.routes.push_back(job.tables[0]->Routes(s, l).value());
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

TEST(MicroBatchTrafficTest, InstructionSetsAndThreadsCountTheSame) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const testing::SmallJob job = testing::RandomJob(seed);
    const WorldShape world = WorldShape::Of(job.spec.draft.topology, job.spec.draft.ep_size);
    const Placement& placement = job.schedule->epochs[0].placement;
    const TrafficModel best(job.spec.draft, world, placement);
    const TrafficModel portable(job.spec.draft, world, placement, InstructionSet::kPortable);
    const auto a = MicroBatchTraffic::Make(best, SamplesOf(job, 20), 3).value();
    const auto b = MicroBatchTraffic::Make(portable, SamplesOf(job, 20), 1).value();
    for (uint32_t r = 0; r < job.spec.draft.topology.world_size(); ++r) {
      EXPECT_EQ(a->SamplesOf(r), b->SamplesOf(r));
      EXPECT_EQ(a->PairsComputed(r), b->PairsComputed(r));
      for (uint32_t l = 0; l < placement.size(); ++l) {
        for (uint32_t c = 0; c < job.spec.draft.batch.num_chunks; ++c) {
          EXPECT_EQ(a->Pairs(l, c, r), b->Pairs(l, c, r));
          EXPECT_EQ(a->RankRows(l, c, r), b->RankRows(l, c, r));
        }
      }
    }
  }
}

TEST(MicroBatchTrafficTest, ChunksAddUpToTheMicroBatch) {
  testing::SmallJob job = testing::RandomJob(3);
  JobDraft one = job.spec.draft, three = job.spec.draft;
  one.batch.num_chunks = 1;
  three.batch.num_chunks = 3;
  const WorldShape world = WorldShape::Of(one.topology, one.ep_size);
  const Placement placement(job.schedule->epochs[0].placement.size(),
                            LayerPlacement::Contiguous(job.tables[0]->header().num_experts, one.ep_size));
  const TrafficModel model_one(one, world, placement), model_three(three, world, placement);
  const auto whole = MicroBatchTraffic::Make(model_one, SamplesOf(job, 20), 1).value();
  const auto parts = MicroBatchTraffic::Make(model_three, SamplesOf(job, 20), 1).value();
  for (uint32_t r = 0; r < one.topology.world_size(); ++r) {
    for (uint32_t i = 0; i < one.ep_size; ++i) {
      EXPECT_EQ(whole->RankRows(0, 0, r)[i],
                parts->RankRows(0, 0, r)[i] + parts->RankRows(0, 1, r)[i] + parts->RankRows(0, 2, r)[i]);
    }
  }
}

TEST(MicroBatchTrafficTest, OneExpertTwiceInATokenIsDataLoss) {
  testing::FakeTableOptions table;
  JobDraft draft;
  draft.topology = Topology::Uniform(1, 2);
  draft.ep_size = 2;
  draft.batch.samples_per_step = 4;
  testing::SmallJob job = testing::MakeJob({table}, draft);
  const uint32_t other = job.tables[0]->Routes(1, 0).value().Id(3, 0);
  job.tables[0]->SetId(1, 0, 3, 1, other);
  const WorldShape world = WorldShape::Of(job.spec.draft.topology, 2);
  const TrafficModel model(job.spec.draft, world, job.schedule->epochs[0].placement);
  EXPECT_EQ(MicroBatchTraffic::Make(model, SamplesOf(job, 4), 1).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace grouter
