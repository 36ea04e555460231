#include "routing/table/statistics.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "routing/table/route_buffer.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

RouteBuffer Tokens(uint32_t num_experts, const std::vector<std::vector<uint32_t>>& tokens) {
  TableHeader h;
  h.num_experts = num_experts;
  h.k = static_cast<uint32_t>(tokens[0].size());
  RouteBuffer buffer(h, static_cast<uint32_t>(tokens.size()));
  for (uint32_t t = 0; t < tokens.size(); ++t) {
    for (uint32_t i = 0; i < h.k; ++i) buffer.SetId(t, i, tokens[t][i]);
  }
  return buffer;
}

TEST(Statistics, CountLoadAndPairs) {
  for (uint32_t num_experts : {4u, 600u}) {  // the full matrix and the hashed one
    StatisticsCollector collector(num_experts);
    std::vector<ExpertCount> counts;
    ASSERT_TRUE(collector.Add(Tokens(num_experts, {{0, 1}, {1, 0}, {3, 1}}).view(), &counts).ok());
    ASSERT_EQ(counts.size(), 3);
    EXPECT_EQ(counts[1].expert, 1);
    EXPECT_EQ(counts[1].count, 3);
    ASSERT_TRUE(collector.Add(Tokens(num_experts, {{2, 3}}).view(), &counts).ok());
    const LayerGroupStatistics s = collector.Finish();
    EXPECT_EQ(s.num_tokens, 4);
    EXPECT_EQ(s.load[1], 3);
    ASSERT_EQ(s.pairs.size(), 3);
    EXPECT_EQ(s.pairs[0].count, 2);
    EXPECT_EQ(s.pairs[2].a, 2);
    EXPECT_EQ(s.pairs[2].b, 3);
    EXPECT_TRUE(s.exact);
  }
}

TEST(Statistics, ATokenWithAnExpertTwiceIsAnError) {
  for (uint32_t num_experts : {4u, 600u}) {
    StatisticsCollector collector(num_experts);
    std::vector<ExpertCount> counts;
    EXPECT_EQ(collector.Add(Tokens(num_experts, {{1, 1}}).view(), &counts).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Statistics, MoreThanTheStatedPairsKeepsTheLargestAndSaysSo) {
  StatisticsCollector collector(60000);
  std::vector<ExpertCount> counts;
  std::vector<std::vector<uint32_t>> tokens;
  Random random(1);
  for (int i = 0; i < 300000; ++i) {
    const uint32_t a = static_cast<uint32_t>(random.Below(59990));
    tokens.push_back({a, (a + 1 + static_cast<uint32_t>(random.Below(40))) % 59999});
    if (i % 100 == 0) tokens.push_back({7, 59999});
  }
  ASSERT_TRUE(collector.Add(Tokens(60000, tokens).view(), &counts).ok());
  const LayerGroupStatistics s = collector.Finish();
  EXPECT_FALSE(s.exact);
  EXPECT_EQ(s.pairs.size(), kMaxStoredPairs);
  const auto hot = std::find_if(s.pairs.begin(), s.pairs.end(),
                                [](const CoactivationPair& p) { return p.a == 7 && p.b == 59999; });
  ASSERT_NE(hot, s.pairs.end());
  EXPECT_EQ(hot->count, 3000);
}

TEST(Statistics, SurviveEncodingAndMerging) {
  Random random(2);
  for (int round = 0; round < 20; ++round) {
    testing::RandomTableOptions o = testing::RandomShape(&random);
    o.lengths = {30, 20};
    StatisticsCollector both(o.header.num_experts), first(o.header.num_experts), second(o.header.num_experts);
    std::vector<ExpertCount> counts;
    const RouteBuffer a = testing::RandomRoutes(o, 0, 0), b = testing::RandomRoutes(o, 1, 0);
    ASSERT_TRUE(both.Add(a.view(), &counts).ok());
    ASSERT_TRUE(both.Add(b.view(), &counts).ok());
    ASSERT_TRUE(first.Add(a.view(), &counts).ok());
    ASSERT_TRUE(second.Add(b.view(), &counts).ok());
    std::string expected, merged;
    EncodeStatistics(both.Finish(), &expected);
    LayerGroupStatistics sum = first.Finish();
    MergeStatistics(second.Finish(), &sum);
    EncodeStatistics(sum, &merged);
    EXPECT_EQ(merged, expected);
    const auto decoded = DecodeStatistics(expected, o.header.num_experts);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    std::string again;
    EncodeStatistics(*decoded, &again);
    EXPECT_EQ(again, expected);
    for (size_t size = 0; size < std::min<size_t>(expected.size(), 400); ++size) {
      EXPECT_FALSE(DecodeStatistics(absl::string_view(expected).substr(0, size), o.header.num_experts).ok());
    }
  }
}

TEST(Statistics, ExpertCountsSurviveEncodingSparseAndDense) {
  Random random(3);
  for (uint32_t num_experts : {2u, 9u, 128u, 65536u}) {
    for (double density : {0.0, 0.02, 0.9, 1.0}) {
      std::vector<ExpertCount> counts, decoded;
      for (uint32_t e = 0; e < num_experts; ++e) {
        if (random.Uniform() < density) counts.push_back({e, 1 + static_cast<uint32_t>(random.Below(5000))});
      }
      std::string bytes;
      EncodeExpertCounts(counts, num_experts, &bytes);
      ASSERT_TRUE(DecodeExpertCounts(bytes, num_experts, &decoded).ok());
      ASSERT_EQ(decoded.size(), counts.size());
      for (size_t i = 0; i < counts.size(); ++i) {
        EXPECT_EQ(decoded[i].expert, counts[i].expert);
        EXPECT_EQ(decoded[i].count, counts[i].count);
      }
    }
  }
}

TEST(Statistics, ExpertCountsOf128BusyExpertsTakeNoMoreThan280Bytes) {
  std::vector<ExpertCount> counts;
  for (uint32_t e = 0; e < 128; ++e) counts.push_back({e, 256});
  std::string bytes;
  EncodeExpertCounts(counts, 128, &bytes);
  EXPECT_LE(bytes.size(), 280);
}

TEST(Statistics, DamagedExpertCountsAreAnError) {
  std::vector<ExpertCount> counts;
  EXPECT_FALSE(DecodeExpertCounts("", 8, &counts).ok());
  EXPECT_FALSE(DecodeExpertCounts(absl::string_view("\2", 1), 8, &counts).ok());
  EXPECT_FALSE(DecodeExpertCounts(absl::string_view("\0\x09\x01", 3), 8, &counts).ok());
  EXPECT_FALSE(DecodeExpertCounts(absl::string_view("\0\x01\x00", 3), 8, &counts).ok());
  EXPECT_FALSE(DecodeExpertCounts(absl::string_view("\1\xff", 2), 8, &counts).ok());
}

}  // namespace
}  // namespace grouter
