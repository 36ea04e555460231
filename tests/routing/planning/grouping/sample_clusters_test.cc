#include "routing/planning/grouping/sample_clusters.h"

#include <cmath>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

SampleCounts Topics(uint32_t num_experts, uint32_t num_topics, uint32_t num_samples, Random* random) {
  SampleCounts samples;
  for (uint32_t s = 0; s < num_samples; ++s) {
    std::vector<ExpertCount> counts;
    for (uint32_t e = 0; e < num_experts; ++e) {
      const uint32_t liked = e % num_topics == s % num_topics ? 100 : 0;
      counts.push_back({e, static_cast<uint32_t>(1 + liked + random->Below(10))});
    }
    samples.Add(counts);
  }
  return samples;
}

TEST(SampleClustersTest, ExpertsOfOneKindOfSamplesLiveTogether) {
  Random random(1);
  const SampleCounts samples = Topics(12, 3, 60, &random);
  SampleClusterOptions options;
  options.num_clusters = 10;
  const auto place = GroupBySampleClusters(samples, 12, {4, 4, 4}, options);
  for (uint32_t e = 3; e < 12; ++e) EXPECT_EQ(place[e], place[e % 3]);
  EXPECT_NE(place[0], place[1]);
  EXPECT_NE(place[1], place[2]);
}

TEST(SampleClustersTest, InAnyShapeEveryExpertIsPlacedAndCapacitiesAreExact) {
  Random random(2);
  for (int round = 0; round < 80; ++round) {
    const uint32_t experts = 1 + random.Below(30), places = 1 + random.Below(9);
    const SampleCounts samples = Topics(experts, 1 + random.Below(5), random.Below(40), &random);
    std::vector<uint32_t> capacity(places, 0);
    for (uint32_t e = 0; e < experts; ++e) ++capacity[random.Below(places)];
    SampleClusterOptions options;
    options.num_clusters = 1 + random.Below(12);
    options.num_starts = 1 + random.Below(3);
    options.seed = round;
    const auto place = GroupBySampleClusters(samples, experts, capacity, options);
    ASSERT_EQ(place.size(), experts);
    std::vector<uint32_t> used(places, 0);
    for (uint32_t p : place) ++used.at(p);
    EXPECT_EQ(used, capacity);
    EXPECT_EQ(GroupBySampleClusters(samples, experts, capacity, options), place);
  }
}

TEST(SampleClustersTest, SamplesOfTooMuchEntropyDoNotDecide) {
  Random random(3);
  SampleCounts samples = Topics(8, 2, 20, &random);
  const SampleCounts alone = samples;
  for (int s = 0; s < 200; ++s) {  // even ones, many: experts 0..3 a little ahead
    std::vector<ExpertCount> counts;
    for (uint32_t e = 0; e < 8; ++e) counts.push_back({e, e < 4 ? 102u : 98u});
    samples.Add(counts);
  }
  SampleClusterOptions options;
  options.num_clusters = 4;
  EXPECT_EQ(GroupBySampleClusters(samples, 8, {4, 4}, options),
            GroupBySampleClusters(alone, 8, {4, 4}, options));
}

TEST(SampleClustersTest, EntropyIsThatOfTheDefinition) {
  Random random(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<uint64_t> counts(1 + random.Below(200));
    double total = 0, expected = 0;
    for (uint64_t& count : counts) total += static_cast<double>(count = random.Below(100000));
    for (uint64_t count : counts) {
      if (count > 0) expected -= count / total * std::log2(count / total);
    }
    EXPECT_NEAR(static_cast<double>(EntropyBits16(counts)) / 65536, expected, 1e-3);
  }
  EXPECT_EQ(EntropyBits16({0, 0}), 0u);
}

}  // namespace
}  // namespace grouter
