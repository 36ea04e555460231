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

TEST(TableInspectCommandTest, WhatIsNoTableIsAWrongInput) {
  EXPECT_EQ(RunInGroup("table", AddTableInspectCommand, {"inspect", FreshFolder()}).exit_code, 2);
}

}  // namespace
}  // namespace grouter
