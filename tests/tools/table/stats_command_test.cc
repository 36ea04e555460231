#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableStatsCommandTest, LoadAddsUpToTheSelections) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  const Outcome outcome =
      RunInGroup("table", AddTableStatsCommand, {"stats", folder + "/t", "--ranks", "3", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto group = outcome.json()["layer_groups"][0];
  uint64_t selections = 0;
  for (const auto& load : group["load"]) selections += load.get<uint64_t>();
  EXPECT_EQ(selections, 53 * 2);
  EXPECT_GT(group["balancedness"], 0.0);
  EXPECT_LE(group["balancedness"], 1.0);
}

TEST(TableStatsCommandTest, HtmlIsWrittenBesideTheResult) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  const Outcome outcome =
      RunInGroup("table", AddTableStatsCommand, {"stats", folder + "/t", "--html", folder + "/t.html"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("load of each expert in layer group 0"));
  const auto page = FileSystem::Local().ReadFile(folder + "/t.html");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(*page, ::testing::HasSubstr("\"coactivation\":["));
}

}  // namespace
}  // namespace grouter
