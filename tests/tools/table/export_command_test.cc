#include <gmock/gmock.h>

#include "tests/tools/table/small_table.h"
#include "tools/table/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TableExportCommandTest, WritesTheFilesItNames) {
  const std::string folder = FreshFolder();
  MakeSmallTable(folder + "/t");
  for (const char* format : {"npz", "npy", "megatron", "tensor"}) {
    const Outcome outcome =
        RunInGroup("table", AddTableExportCommand,
                   {"export", folder + "/t", "--format", format, "--out",
                    folder + "/" + format + (std::string(format) == "npy" ? ".npy" : ""), "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << format << outcome.err;
    const std::string ids = outcome.json()["ids"];
    EXPECT_TRUE(std::filesystem::exists(ids) || std::filesystem::exists(ids + ".bin")) << ids;
  }
}

TEST(TableExportCommandTest, AnUnknownFormatIsWrongUsage) {
  EXPECT_EQ(
      RunInGroup("table", AddTableExportCommand, {"export", "t", "--format", "zip", "--out", "x"}).exit_code,
      2);
}

}  // namespace
}  // namespace grouter
