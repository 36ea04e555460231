#include <gmock/gmock.h>

#include "tests/tools/command/run_program.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::RunProgram;
using testing::WriteText;

TEST(ReportCommandTest, WritesOnePage) {
  const std::string folder = FreshFolder();
  for (const char* run : {"/a", "/b"}) {
    WriteText(folder + run + "/metrics.jsonl", "{\"step\":0,\"tokens\":10,\"train_loss\":9}\n");
  }
  const auto outcome = RunProgram(AddReportCommand, {"report", "--table_run", folder + "/a", "--learned_run",
                                                     folder + "/b", "--out", folder + "/report.html"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_GT(std::filesystem::file_size(folder + "/report.html"), 100000);
}

TEST(ReportCommandTest, AMissingRunIsAWrongInputAndMakesNothing) {
  const std::string folder = FreshFolder();
  const auto outcome = RunProgram(AddReportCommand, {"report", "--table_run", folder + "/no", "--learned_run",
                                                     folder + "/no", "--out", folder + "/report.html"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("/no"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/report.html"));
}

}  // namespace
}  // namespace grouter
