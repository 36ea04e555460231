#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableMergeCommandTest, ShardsOfTwoFoldersBecomeTheSameTable) {
  const std::string folder = FreshFolder();
  RandomTableOptions options;
  options.lengths = {10, 3, 20, 1};
  const auto index = RandomIndex(options);
  FileSystem& files = FileSystem::Local();
  ASSERT_TRUE(WriteRandomShard(options, index, 0, 2, folder + "/a", files).ok());
  ASSERT_TRUE(WriteRandomShard(options, index, 2, 2, folder + "/b", files).ok());
  const auto whole = MakeRandomTable(options, folder + "/whole");
  const Outcome outcome =
      RunInGroup("table", AddTableMergeCommand,
                 {"merge", folder + "/a", folder + "/b", "--out", folder + "/merged", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["digest"], whole->content_digest().Hex());
}

TEST(TableMergeCommandTest, MissingSamplesAreNamed) {
  const std::string folder = FreshFolder();
  RandomTableOptions options;
  options.lengths = {10, 3, 20, 1};
  ASSERT_TRUE(WriteRandomShard(options, RandomIndex(options), 0, 2, folder + "/a", FileSystem::Local()).ok());
  const Outcome outcome =
      RunInGroup("table", AddTableMergeCommand, {"merge", folder + "/a", "--out", folder + "/merged"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("grouter: error: "));
}

}  // namespace
}  // namespace grouter
