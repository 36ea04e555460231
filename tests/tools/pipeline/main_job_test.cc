#include "tools/pipeline/main_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "server/config/config.h"
#include "trainer/config.h"

namespace grouter {
namespace {

namespace fs = std::filesystem;

class MainJobTest : public ::testing::Test {
 protected:
  MainJobTest() {
    paths_ = {"/bin/grouter",
              "/bin/grouter_server",
              "/bin/grouter_trainer",
              "grpcurl",
              "/text",
              "/ranks",
              ::testing::TempDir() + "/main_job"};
    fs::remove_all(paths_.folder);
    settings_ = ParseSettings(Read("deploy/configs/demo_quick.json"), "s").value();
  }
  static std::string Read(const std::string& path) { return FileSystem::Local().ReadFile(path).value(); }
  MainJobPaths paths_;
  PipelineSettings settings_;
};

TEST_F(MainJobTest, EveryInputIsGivenOrMadeByAnEarlierStep) {
  const auto job = MakeMainJob(settings_, paths_);
  ASSERT_TRUE(job.ok()) << job.status();
  std::set<std::string> there = {"/text", "/ranks"};
  const auto made = [&](const std::string& path) {
    for (const std::string& place : there) {
      if (path == place || path.compare(0, place.size() + 1, place + "/") == 0) return true;
    }
    return fs::exists(paths_.folder + "/" + path);  // a configuration
  };
  std::set<std::string> names;
  for (const Step& step : job->steps) {
    EXPECT_TRUE(names.insert(step.name).second) << step.name;
    for (const std::string& input : step.inputs) EXPECT_TRUE(made(input)) << step.name << " reads " << input;
    there.insert(step.outputs.begin(), step.outputs.end());
    there.insert("results/" + step.name + ".json");
  }
  EXPECT_TRUE(there.count("report.html"));
}

TEST_F(MainJobTest, TheTrainersReadTheirConfigurations) {
  ASSERT_TRUE(MakeMainJob(settings_, paths_).ok());
  for (const char* name : {"teacher", "table", "learned"}) {
    const std::string path = paths_.folder + "/config/" + name + ".json";
    const auto config = TrainerConfig::FromJson(Read(path), path);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_TRUE(config->Validate().ok()) << config->Validate();
    EXPECT_EQ(config->model.vocab_size, settings_.vocab_size);
  }
}

TEST_F(MainJobTest, BothRunsHaveTheSameModelJobAndOptimizer) {
  ASSERT_TRUE(MakeMainJob(settings_, paths_).ok());
  const auto table = TrainerConfig::FromJson(Read(paths_.folder + "/config/table.json"), "t").value();
  const auto learned = TrainerConfig::FromJson(Read(paths_.folder + "/config/learned.json"), "l").value();
  EXPECT_NE(table.mode, learned.mode);
  EXPECT_EQ(table.model.ToJson(), learned.model.ToJson());
  EXPECT_EQ(table.train.job, learned.train.job);
  EXPECT_EQ(table.valid.job, learned.valid.job);
  EXPECT_EQ(table.optimizer.learning_rate, learned.optimizer.learning_rate);
  EXPECT_EQ(table.num_steps, learned.num_steps);
}

TEST_F(MainJobTest, TheServerReadsItsConfiguration) {
  ASSERT_TRUE(MakeMainJob(settings_, paths_).ok());
  const std::string path = paths_.folder + "/config/server.textproto";
  auto config = MergeText(DefaultConfig(), Read(path), path);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->roots(0), "serve");  // relative to the pipeline's folder, where the server is started
  config->set_roots(0, paths_.folder + "/serve");
  EXPECT_TRUE(ValidateConfig(*config).ok()) << ValidateConfig(*config);
}

TEST_F(MainJobTest, SettingsReachTheStepsThatTheyConcernOnly) {
  const auto before = MakeMainJob(settings_, paths_).value();
  settings_.distill_tokens += 1;
  const auto after = MakeMainJob(settings_, paths_).value();
  for (size_t i = 0; i < before.steps.size(); ++i) {
    EXPECT_EQ(before.steps[i].argv == after.steps[i].argv, before.steps[i].name != "distill")
        << before.steps[i].name;
  }
}

}  // namespace
}  // namespace grouter
