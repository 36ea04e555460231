#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableDiffCommandTest, EqualRoutesAreExitCode0AndOthers1) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/a");
  MakeSmallTable(folder + "/b");
  MakeSmallTable(folder + "/c", /*seed=*/2);
  Outcome outcome = RunInGroup("table", AddTableDiffCommand, {"diff", folder + "/a", folder + "/b"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("the same routes"));
  outcome = RunInGroup("table", AddTableDiffCommand, {"diff", folder + "/a", folder + "/c", "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.json()["equal"], false);
}

}  // namespace
}  // namespace grouter
