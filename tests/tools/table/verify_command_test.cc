#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableVerifyCommandTest, ARightTablePassesAndAFlippedByteIsAFinding) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  EXPECT_EQ(RunInGroup("table", AddTableVerifyCommand, {"verify", folder + "/t"}).exit_code, 0);
  std::string shard;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/t")) {
    if (entry.file_size() > 4096) shard = entry.path().string();
  }
  ASSERT_FALSE(shard.empty());
  std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(4100);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(4100);
  file.put(byte);
  file.close();
  const Outcome outcome = RunInGroup("table", AddTableVerifyCommand, {"verify", folder + "/t", "--json"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  ASSERT_FALSE(outcome.json()["findings"].empty());
  EXPECT_EQ(outcome.json()["findings"][0]["file"], std::filesystem::path(shard).filename().string());
}

TEST(TableVerifyCommandTest, AMissingTableIsAWrongInput) {
  EXPECT_EQ(RunInGroup("table", AddTableVerifyCommand, {"verify", "/no/table"}).exit_code, 2);
}

}  // namespace
}  // namespace grouter
