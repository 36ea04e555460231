#include "tools/commands.h"

#include <gmock/gmock.h>

#include "tests/tools/command/run_program.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunProgram;

TEST(CommandsTest, EveryStepOfTheMainJobIsACommandWithHelp) {
  const std::vector<std::vector<std::string>> commands = {{"corpus"},
                                                          {"tokenize"},
                                                          {"index"},
                                                          {"distill"},
                                                          {"fold"},
                                                          {"expand"},
                                                          {"tune"},
                                                          {"audit"},
                                                          {"route"},
                                                          {"place"},
                                                          {"train"},
                                                          {"report"},
                                                          {"run"},
                                                          {"job", "make"},
                                                          {"plan", "get"},
                                                          {"plan", "verify"},
                                                          {"probe"},
                                                          {"plan", "explain"},
                                                          {"plan", "report"},
                                                          {"job", "register"},
                                                          {"stats"},
                                                          {"certs", "init"},
                                                          {"table", "inspect"},
                                                          {"table", "verify"},
                                                          {"table", "stats"},
                                                          {"table", "merge"},
                                                          {"table", "slice"},
                                                          {"table", "pack"},
                                                          {"table", "unpack"},
                                                          {"table", "diff"},
                                                          {"table", "import"},
                                                          {"table", "export"}};
  for (std::vector<std::string> arguments : commands) {
    arguments.push_back("--help");
    const Outcome outcome = RunProgram(AddAllCommands, arguments);
    EXPECT_EQ(outcome.exit_code, 0) << arguments[0] << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr(arguments[0]));
  }
}

TEST(CommandsTest, TheOverviewListsThem) {
  const Outcome outcome = RunProgram(AddAllCommands, {"--help"});
  for (const char* name : {"corpus", "distill", "place", "run", "table"})
    EXPECT_THAT(outcome.out, HasSubstr(name));
}

}  // namespace
}  // namespace grouter
