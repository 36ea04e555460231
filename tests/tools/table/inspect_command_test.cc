#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableInspectCommandTest, PrintsWhatATableIs) {
  const std::string folder = FreshFolder();
  const auto table = MakeSmallTable(folder + "/t");
  const Outcome outcome = RunInGroup("table", AddTableInspectCommand, {"inspect", folder + "/t", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["num_experts"], 8);
  EXPECT_EQ(outcome.json()["content_digest"], table->content_digest().Hex());
  EXPECT_THAT(RunInGroup("table", AddTableInspectCommand, {"inspect", folder + "/t"}).out,
              ::testing::HasSubstr(table->content_digest().Hex()));
}

TEST(TableInspectCommandTest, PrintsLoadAndBalancednessUnlessTheHeaderIsEnough) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  const Outcome all =
      RunInGroup("table", AddTableInspectCommand, {"inspect", folder + "/t", "--ranks", "4", "--json"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  const auto group = all.json()["layer_groups"][0];
  for (const char* field : {"max_vio", "balancedness", "entropy_bits", "dead_experts", "mean_k", "load"}) {
    EXPECT_TRUE(group.contains(field)) << field;
  }
  const Outcome header =
      RunInGroup("table", AddTableInspectCommand, {"inspect", folder + "/t", "--header_only", "--json"});
  EXPECT_FALSE(header.json().contains("layer_groups"));
}

TEST(TableInspectCommandTest, WhatIsNoTableIsAWrongInput) {
  EXPECT_EQ(RunInGroup("table", AddTableInspectCommand, {"inspect", FreshFolder()}).exit_code, 2);
}

}  // namespace
}  // namespace grouter
