#include "routing/table/commands/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gtest/gtest.h"
#include "tests/testing/tables/memory_files.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

using testing::MemoryFiles;

TEST(TableReport, SaysLoadMaxVioEntropyDeadExpertsAndBalancedness) {
  testing::RandomTableOptions o;
  o.lengths = {500, 300};
  o.header.num_layer_groups = 2;
  o.skew = 2;
  MemoryFiles files;
  const auto table = testing::MakeRandomTable(o, "t", files);
  ReportOptions options;
  options.num_ranks = 3;  // 8 experts over 3 ranks: 2, 3, 3
  const auto report = MakeTableReport(*table, true, options);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->layer_groups.size(), 2);
  const LayerGroupReport& g = report->layer_groups[1];
  uint64_t total = 0, largest = 0;
  for (uint64_t n : g.load) {
    total += n;
    largest = std::max(largest, n);
  }
  EXPECT_EQ(total, 1600);
  EXPECT_DOUBLE_EQ(g.mean_k, 2);
  EXPECT_DOUBLE_EQ(g.max_vio, static_cast<double>(largest) / 200 - 1);
  EXPECT_GT(g.entropy_bits, 1);
  EXPECT_LT(g.entropy_bits, 3);
  const double ranks[3] = {static_cast<double>(g.load[0] + g.load[1]),
                           static_cast<double>(g.load[2] + g.load[3] + g.load[4]),
                           static_cast<double>(g.load[5] + g.load[6] + g.load[7])};
  EXPECT_DOUBLE_EQ(g.balancedness, 1600.0 / 3 / std::max({ranks[0], ranks[1], ranks[2]}));
}

TEST(TableReport, CountsExpertsThatAreNeverChosen) {
  testing::RandomTableOptions o;
  o.lengths = {1};
  o.header.num_experts = 10;
  o.header.k = 3;
  MemoryFiles files;
  EXPECT_EQ(MakeTableReport(*testing::MakeRandomTable(o, "t", files), true)->layer_groups[0].dead_experts, 7);
}

TEST(TableReport, AnEmptyTableHasNoNaN) {
  testing::RandomTableOptions o;
  MemoryFiles files;
  ReportOptions options;
  options.num_ranks = 4;
  const auto report = MakeTableReport(*testing::MakeRandomTable(o, "t", files), true, options);
  EXPECT_EQ(report->layer_groups[0].max_vio, 0);
  EXPECT_EQ(report->layer_groups[0].balancedness, 1);
  EXPECT_EQ(report->layer_groups[0].entropy_bits, 0);
}

TEST(TableReport, TheCoactivationMatrixIsSymmetricAndSumsToThePairs) {
  testing::RandomTableOptions o;
  o.lengths = {400};
  o.header.num_experts = 100;
  o.header.k = 4;
  MemoryFiles files;
  ReportOptions options;
  options.coactivation = true;
  options.coactivation_bins = 7;
  const auto report = MakeTableReport(*testing::MakeRandomTable(o, "t", files), true, options);
  const auto& m = report->layer_groups[0].coactivation;
  ASSERT_EQ(m.size(), 7);
  double pairs = 0;
  for (size_t i = 0; i < 7; ++i) {
    for (size_t j = 0; j < 7; ++j) {
      EXPECT_DOUBLE_EQ(m[i][j], m[j][i]);
      if (i <= j) pairs += m[i][j];
    }
  }
  EXPECT_NEAR(pairs, 6, 1e-9);  // 4 choose 2 per token
}

TEST(TableReport, JsonHoldsTheSame) {
  testing::RandomTableOptions o;
  o.lengths = {5, 6, 7, 8};
  MemoryFiles files;
  const auto table = testing::MakeRandomTable(o, "t", files);
  const auto json = nlohmann::json::parse(TableReportJson(*MakeTableReport(*table, true)));
  EXPECT_EQ(json["content_digest"], table->content_digest().Hex());
  EXPECT_EQ(json["num_tokens"], 26);
  EXPECT_EQ(json["splits"][1]["name"], "valid");
  EXPECT_EQ(json["layer_groups"][0]["load"].size(), 8);
  EXPECT_FALSE(
      nlohmann::json::parse(TableReportJson(*MakeTableReport(*table, false))).contains("layer_groups"));
}

TEST(TableReport, TextShowsTheLoadOfEveryExpertAsAShareOfTheMean) {
  TableReport report;
  LayerGroupReport group;
  group.load = {30, 0, 10, 0};
  report.layer_groups = {group};
  EXPECT_EQ(ExpertLoadText(report),
            "\nload of each expert in layer group 0, mean 1\n     0:  3.00  0.00  1.00  0.00\n");
  EXPECT_NE(TableReportText(report).find(" 0.00   3.00 "), std::string::npos);
}

TEST(TableReport, TextNamesWhatIsUnknown) {
  testing::RandomTableOptions o;
  o.lengths = {5};
  MemoryFiles files;
  const std::string text = TableReportText(*MakeTableReport(*testing::MakeRandomTable(o, "t", files), true));
  EXPECT_NE(text.find("router               unknown"), std::string::npos) << text;
  EXPECT_NE(text.find("provenance           made by: a test"), std::string::npos) << text;
}

}  // namespace
}  // namespace grouter
