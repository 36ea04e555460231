#include "trainer/pipeline/index_plan_source.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace grouter {
namespace {

std::shared_ptr<const SampleIndex> Index() {
  std::vector<uint32_t> lengths;
  for (uint32_t i = 0; i < 23; ++i) lengths.push_back(3 + i % 5);
  std::vector<DataSplit> splits(2);
  splits[0] = {"train", 0, 20};
  splits[1] = {"valid", 20, 3};
  return SampleIndex::FromLengths(lengths, splits).value();
}

IndexPlanOptions Options() {
  IndexPlanOptions options;
  options.samples_per_step = 7;
  options.num_micro_batches = 2;
  options.world_size = 3;
  options.seed = 4;
  return options;
}

TEST(IndexPlanSource, GivesEverySampleOncePerEpochToOneRank) {
  std::map<uint64_t, int> seen;
  for (uint32_t rank = 0; rank < 3; ++rank) {
    IndexPlanOptions options = Options();
    options.rank = rank;
    const auto source = MakeIndexPlanSource(Index(), options);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->num_steps(), 3u);
    for (uint64_t step = 0; step < 3; ++step) {
      for (uint32_t m = 0; m < 2; ++m) {
        const auto plan = (*source)->MicroBatch(step, m);
        ASSERT_TRUE(plan.ok());
        uint32_t at = 0;
        for (const PlannedSample& sample : (*plan)->samples) {
          ++seen[sample.sample];
          EXPECT_EQ(sample.first_token, at);
          at += sample.length;
        }
        EXPECT_EQ((*plan)->num_tokens, at);
        EXPECT_TRUE((*plan)->layer_groups.empty());
      }
    }
  }
  EXPECT_EQ(seen.size(), 20u);
  for (const auto& [sample, count] : seen) EXPECT_EQ(count, 1) << sample;
}

TEST(IndexPlanSource, StepPartsCountTheWholeWorld) {
  const auto source = MakeIndexPlanSource(Index(), Options());
  uint64_t samples = 0, tokens = 0;
  for (uint64_t step = 0; step < 3; ++step) {
    const auto part = (*source)->Step(step);
    ASSERT_TRUE(part.ok());
    EXPECT_EQ((*part)->first_sample_position, samples);
    samples += (*part)->num_samples;
    tokens += (*part)->num_tokens;
    EXPECT_EQ((*part)->num_loss_tokens, (*part)->num_tokens - (*part)->num_samples);
  }
  EXPECT_EQ(samples, 20u);
  EXPECT_EQ(tokens, 4u * (3 + 4 + 5 + 6 + 7));
}

TEST(IndexPlanSource, LongerRunsShuffleEachEpochAnewAndTheSeedDecides) {
  IndexPlanOptions options = Options();
  options.world_size = 1;
  options.samples_per_step = 20;
  options.num_steps = 3;
  options.num_micro_batches = 1;
  const auto order = [&](uint64_t seed, uint64_t step) {
    options.seed = seed;
    std::vector<uint64_t> samples;
    const auto source = MakeIndexPlanSource(Index(), options).value();
    const auto plan = source->MicroBatch(step, 0).value();
    for (const PlannedSample& sample : plan->samples) samples.push_back(sample.sample);
    return samples;
  };
  EXPECT_EQ(order(1, 0), order(1, 0));
  EXPECT_NE(order(1, 0), order(1, 1));
  EXPECT_NE(order(1, 0), order(2, 0));
  const auto second = order(1, 1);
  EXPECT_EQ(std::set<uint64_t>(second.begin(), second.end()).size(), 20u);
}

TEST(IndexPlanSource, WhatIsPastTheEndClosedOrWrongIsAnError) {
  auto source = MakeIndexPlanSource(Index(), Options()).value();
  EXPECT_TRUE(absl::IsOutOfRange(source->Step(3).status()));
  EXPECT_TRUE(absl::IsOutOfRange(source->MicroBatch(0, 2).status()));
  source->Close();
  EXPECT_TRUE(absl::IsCancelled(source->Step(0).status()));
  IndexPlanOptions options = Options();
  options.split = "other";
  EXPECT_TRUE(absl::IsInvalidArgument(MakeIndexPlanSource(Index(), options).status()));
  options = Options();
  options.samples_per_step = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(MakeIndexPlanSource(Index(), options).status()));
}

}  // namespace
}  // namespace grouter
