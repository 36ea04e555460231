#include "tools/pipeline/run_command.h"

#include <gmock/gmock.h>

#include "tests/tools/command/run_program.h"

namespace grouter {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::RunProgram;
using testing::WriteText;

TEST(RunCommandTest, MissingSettingsAndProgramsAreNamed) {
  const std::string folder = FreshFolder();
  auto outcome =
      RunProgram(AddRunCommand, {"run", "--text", folder, "--ranks", folder, "--settings", "/no/settings"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("/no/settings"));
  outcome = RunProgram(AddRunCommand,
                       {"run", "--text", folder, "--ranks", folder, "--settings",
                        "deploy/configs/demo_quick.json", "--programs", folder, "--out", folder + "/out"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("grouter_server is not there"));
}

TEST(RunCommandTest, AMissingFolderOfTextsEndsTheFirstStepWithItsName) {
  const std::string folder = FreshFolder();
  for (const char* program : {"grouter_server", "grouter_trainer"}) WriteText(folder + "/" + program, "");
  WriteText(folder + "/ranks", "");
  const auto outcome = RunProgram(
      AddRunCommand, {"run", "--text", folder + "/no_text", "--ranks", folder + "/ranks", "--settings",
                      "deploy/configs/demo_quick.json", "--programs", folder, "--out", folder + "/out"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("step corpus"));
  EXPECT_THAT(outcome.err, HasSubstr("no_text"));
}

}  // namespace
}  // namespace grouter
