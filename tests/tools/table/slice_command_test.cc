#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableSliceCommandTest, KeepsTheSamplesAskedFor) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  const Outcome outcome = RunInGroup(
      "table", AddTableSliceCommand,
      {"slice", folder + "/t", "--out", folder + "/s", "--first_sample", "1", "--samples", "3", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto slice = RoutingTable::Open(folder + "/s").value();
  EXPECT_EQ(slice->num_samples(), 3);
  EXPECT_EQ(slice->num_tokens(), 3 + 20 + 1);
  EXPECT_EQ(slice->content_digest().Hex(), outcome.json()["digest"]);
}

TEST(TableSliceCommandTest, AnEmptyRangeIsAWrongInput) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  EXPECT_EQ(RunInGroup("table", AddTableSliceCommand,
                       {"slice", folder + "/t", "--out", folder + "/s", "--first_sample", "99"})
                .exit_code,
            2);
}

}  // namespace
}  // namespace grouter
