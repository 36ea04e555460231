#include "tools/pipeline/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace grouter {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Step Shell(const std::string& name, const std::string& script, std::vector<std::string> inputs,
           std::vector<std::string> outputs) {
  Step step;
  step.name = name;
  step.title = "does " + name;
  step.argv = {"/bin/sh", "-c", "echo x >> runs_of_" + name + "; " + script};
  step.inputs = std::move(inputs);
  step.outputs = std::move(outputs);
  return step;
}

// Two steps in a folder: `double` makes b from a, `join` makes c from b.
class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() : terminal_(out_, err_, false) {
    options_.folder = testing::TempDir() + "/runner";
    fs::remove_all(options_.folder);
    fs::create_directories(options_.folder);
    Write("a", "1");
    steps_ = {Shell("double", "cat a a > b", {"a"}, {"b"}),
              Shell("join", "tr -d '\\n' < b > c", {"b"}, {"c"})};
  }
  void Write(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text << "\n"; }
  std::string Read(const std::string& name) {
    std::ifstream file(Path(name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  size_t RunsOf(const std::string& step) { return Read("runs_of_" + step).size() / 2; }
  std::string Path(const std::string& name) { return options_.folder + "/" + name; }
  absl::Status Run() { return RunPipeline(steps_, options_, terminal_).status(); }

  RunnerOptions options_;
  std::vector<Step> steps_;
  std::ostringstream out_, err_;
  Terminal terminal_;
};

TEST_F(RunnerTest, StepsRunInOrderAndAreKeptTheSecondTime) {
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("c"), "11");
  const auto again = RunPipeline(steps_, options_, terminal_);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->steps[0].kept);
  EXPECT_TRUE(again->steps[1].kept);
  EXPECT_EQ(RunsOf("double"), 1);
}

TEST_F(RunnerTest, AChangedInputRunsWhatDependsOnIt) {
  ASSERT_TRUE(Run().ok());
  Write("a", "2");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("c"), "22");
}

TEST_F(RunnerTest, AnEqualOutputLeavesLaterStepsKept) {
  ASSERT_TRUE(Run().ok());
  steps_[0].argv[2] += " && true";  // other settings, same result
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(RunsOf("double"), 2);
  EXPECT_EQ(RunsOf("join"), 1);
}

TEST_F(RunnerTest, ADamagedOutputIsMadeAgain) {
  ASSERT_TRUE(Run().ok());
  Write("b", "damaged");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(RunsOf("double"), 2);
  EXPECT_EQ(Read("c"), "11");
}

TEST_F(RunnerTest, AFailedStepNamesItselfAndItsLogAndEarlierStepsAreKept) {
  steps_[1].argv[2] = "echo x >> runs_of_join; echo full disk >&2; exit 3";
  const absl::Status status = Run();
  EXPECT_THAT(std::string(status.message()), HasSubstr("step join: `join` ended with exit code 3"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("logs/join.log"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("full disk"));
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(RunsOf("double"), 1);
  EXPECT_EQ(RunsOf("join"), 2);
}

TEST_F(RunnerTest, AStepThatMakesNothingIsAnError) {
  steps_[0].argv[2] = "true";
  EXPECT_THAT(std::string(Run().message()), HasSubstr("made no b"));
}

TEST_F(RunnerTest, AnInterruptedStepStartsAfreshUnlessItResumes) {
  const std::string script = "echo part >> c; test $(wc -l < c) -ge 2";
  steps_[1] = Shell("join", script, {"b"}, {"c"});
  EXPECT_FALSE(Run().ok());
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(Read("c"), "part\n");
  steps_[1].resumes = true;
  EXPECT_TRUE(Run().ok());  // begun before with this very key, so it goes on from its part
  EXPECT_EQ(Read("c"), "part\npart\n");
}

TEST_F(RunnerTest, AResumingStepStartsAfreshWhenItsSettingsChange) {
  steps_[1] = Shell("join", "echo part >> c; test $(wc -l < c) -ge 2", {"b"}, {"c"});
  steps_[1].resumes = true;
  EXPECT_FALSE(Run().ok());
  steps_[1].argv[2] += " # another setting";
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(Read("c"), "part\n");
}

TEST_F(RunnerTest, StandardOutputBecomesTheStepsResult) {
  steps_[0].argv[2] += "; echo '{\"tokens\":5}'";
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("results/double.json"), "{\"tokens\":5}\n");
}

TEST_F(RunnerTest, TheServerRunsForTheStepsThatNeedItAndIsEndedAfterwards) {
  options_.server.argv = {"/bin/sh", "-c",
                          "echo $$ > server.pid; echo 'listening on 127.0.0.1:4242' >&2; exec sleep 1000"};
  steps_[1] = Shell("join", "kill -0 $(cat server.pid) && echo {server} > c", {"b"}, {"c"});
  steps_[1].needs_server = true;
  ASSERT_TRUE(Run().ok()) << err_.str();
  EXPECT_EQ(Read("c"), "127.0.0.1:4242\n");
  EXPECT_NE(kill(std::stoi(Read("server.pid")), 0), 0);
  fs::remove(Path("server.pid"));
  ASSERT_TRUE(Run().ok());
  EXPECT_FALSE(fs::exists(Path("server.pid"))) << "kept steps need no server";
}

TEST_F(RunnerTest, AServerThatDoesNotStartIsAClearError) {
  options_.server.argv = {"/bin/sh", "-c", "echo port 80 in use >&2; exit 2"};
  steps_[1].needs_server = true;
  const absl::Status status = Run();
  EXPECT_THAT(std::string(status.message()), HasSubstr("the routing server ended with exit code 2"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("port 80 in use"));
}

TEST_F(RunnerTest, ASecondRunnerInTheSameFolderIsRefused) {
  steps_[0].argv[2] = "exec 3<> .lock; flock -n 3 && exit 9; cat a a > b";
  EXPECT_TRUE(Run().ok()) << "the lock is held while a step runs";
}

TEST_F(RunnerTest, AMissingInputIsNotFound) {
  fs::remove(Path("a"));
  const absl::Status status = Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("step double"));
}

}  // namespace
}  // namespace grouter
