#include "tools/command/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "io/error.h"

namespace grouter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Values {
  std::string from;
  std::vector<std::string> names;
  uint64_t tokens = 7;
  double cap = 1.25;
  std::string format = "npz";
  bool quick = false;
};

// A program with one command, `do`, and one in a group, `table verify`.
class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() : line_("grouter", "Routing tables and plans.", "grouter 1.0") {
    Command& command = line_.root().Add("do", "does it");
    values_ = command.Keep(Values());
    command.Required("--from", &values_->from, "where from")
        .Option("names", &values_->names, "which")
        .Option("--tokens", &values_->tokens, "how many")
        .Option("--cap", &values_->cap, "the cap")
        .Choice("--format", &values_->format, {"npz", "tensor"}, "which format")
        .Flag("--quick", &values_->quick, "less of it")
        .Run([this](Terminal& terminal) -> absl::StatusOr<int> {
          terminal.Result("done\n", "{\"done\":true}");
          return outcome_;
        });
    line_.root().Add("table", "tables").Add("verify", "checks one").Run([](Terminal&) { return 1; });
  }
  int Run(const std::vector<std::string>& arguments) { return line_.Run(arguments, out_, err_); }

  Program line_;
  Values* values_;
  absl::StatusOr<int> outcome_ = 0;
  std::ostringstream out_, err_;
};

TEST_F(ProgramTest, ValuesReachTheActionAndTheResultGoesToStdout) {
  EXPECT_EQ(Run({"do", "--from", "here", "a", "b", "--tokens", "9", "--cap", "2.5", "--quick"}), 0);
  EXPECT_EQ(values_->from, "here");
  EXPECT_THAT(values_->names, ElementsAre("a", "b"));
  EXPECT_EQ(values_->tokens, 9);
  EXPECT_EQ(values_->cap, 2.5);
  EXPECT_TRUE(values_->quick);
  EXPECT_EQ(out_.str(), "done\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ProgramTest, JsonIsTakenBeforeAndAfterTheCommand) {
  EXPECT_EQ(Run({"--json", "do", "--from", "x"}), 0);
  EXPECT_EQ(Run({"do", "--from", "x", "--json"}), 0);
  EXPECT_EQ(out_.str(), "{\"done\":true}\n{\"done\":true}\n");
}

TEST_F(ProgramTest, WrongUsageIsExitCode2AndNamesTheHelp) {
  const std::vector<std::vector<std::string>> wrong = {{"do"},
                                                       {"do", "--from", "x", "--no_such_flag"},
                                                       {"do", "--from", "x", "--tokens", "many"},
                                                       {"do", "--from", "x", "--format", "zip"},
                                                       {"nothing"},
                                                       {},
                                                       {"table"}};
  for (const auto& arguments : wrong) {
    err_.str("");
    EXPECT_EQ(Run(arguments), 2) << err_.str();
    EXPECT_THAT(err_.str(), HasSubstr("grouter: error: ")) << err_.str();
    EXPECT_THAT(err_.str(), HasSubstr("--help"));
  }
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ProgramTest, ErrorsAreOneLineWithWhatWhereAndFix) {
  outcome_ = Error(absl::StatusCode::kNotFound, "no corpus", "/x", "give a folder of text files");
  EXPECT_EQ(Run({"do", "--from", "/x"}), 2);
  EXPECT_EQ(err_.str(), "grouter: error: no corpus (/x); give a folder of text files\n");
}

TEST_F(ProgramTest, FailuresAreExitCode3AndFindings1) {
  outcome_ = Error(absl::StatusCode::kDataLoss, "damaged");
  EXPECT_EQ(Run({"do", "--from", "x"}), 3);
  EXPECT_EQ(Run({"table", "verify"}), 1);
}

TEST_F(ProgramTest, AStdoutThatCannotBeWrittenIsAFailure) {
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(Run({"do", "--from", "x"}), 3);
  EXPECT_THAT(err_.str(), HasSubstr("stdout"));
}

TEST_F(ProgramTest, HelpAndVersionGoToStdout) {
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_EQ(out_.str(), "grouter 1.0\n");
  EXPECT_EQ(Run({"do", "--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("where from"));
}

}  // namespace
}  // namespace grouter
