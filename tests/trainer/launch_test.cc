#include "trainer/launch.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "io/file.h"
#include "tests/testing/training/small_training.h"

namespace grouter {
namespace {

const char* NothingSet(const char*) { return nullptr; }

// A learned run's configuration file over a small corpus.
std::string WriteConfig(const std::string& folder) {
  const testing::SmallTraining training(folder, {});
  const TrainerConfig config = training.LearnedConfig("run");
  nlohmann::json json;
  json["mode"] = "learned";
  json["model"] = nlohmann::json::parse(config.model.ToJson());
  json["datasets"] = {
      {{"prefix", config.datasets[0].prefix}, {"sample_index", config.datasets[0].sample_index}}};
  json["batch"] = {{"samples_per_step", 4}};
  json["out"] = config.out;
  const std::string path = JoinPath(folder, "trainer.json");
  EXPECT_TRUE(WriteFileAtomically(FileSystem::Local(), path, json.dump()).ok());
  return path;
}

TEST(ParseCommandLine, FlagsOverrideTheFile) {
  const std::string path = WriteConfig(JoinPath(::testing::TempDir(), "flags"));
  const auto line = ParseCommandLine({"--config",
                                      path,
                                      "--server",
                                      "a:1,b:2",
                                      "--server_timeout",
                                      "90s",
                                      "--collective_timeout",
                                      "1m30s",
                                      "--resident-experts",
                                      "5",
                                      "--resume",
                                      "latest",
                                      "--out",
                                      "elsewhere",
                                      "--num-steps",
                                      "3",
                                      "--stop-after=2",
                                      "--tls_ca",
                                      "/ca",
                                      "--tls_cert=/cert",
                                      "--tls_key=/key",
                                      "--token_file=/token"});
  ASSERT_TRUE(line.ok()) << line.status();
  const TrainerConfig& config = line->config;
  EXPECT_EQ(config.train.servers, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(config.valid.server_timeout, std::chrono::seconds(90));
  EXPECT_EQ(config.train.credentials.tls_ca, "/ca");
  EXPECT_EQ(config.valid.credentials.tls_cert, "/cert");
  EXPECT_EQ(config.valid.credentials.tls_key, "/key");
  EXPECT_EQ(config.train.credentials.token_file, "/token");
  EXPECT_EQ(config.collective_timeout, std::chrono::seconds(90));
  EXPECT_EQ(config.num_resident_experts, 5u);
  EXPECT_EQ(config.resume, "latest");
  EXPECT_EQ(config.out, "elsewhere");
  EXPECT_EQ(config.num_steps, 3u);
  EXPECT_EQ(config.stop_after, 2u);
}

TEST(ParseCommandLine, TheDeviceComesFromTheFileOrTheFlag) {
  const std::string path = WriteConfig(JoinPath(::testing::TempDir(), "device"));
  EXPECT_EQ(ParseCommandLine({"--config", path})->config.device, DeviceKind::kCpu);
  EXPECT_EQ(ParseCommandLine({"--config", path, "--device", "cuda"})->config.device, DeviceKind::kCuda);
  EXPECT_TRUE(absl::IsInvalidArgument(ParseCommandLine({"--config", path, "--device", "tpu"}).status()));
  auto json = nlohmann::json::parse(FileSystem::Local().ReadFile(path, 1 << 20).value());
  json["device"] = "cuda";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path, json.dump()).ok());
  EXPECT_EQ(ParseCommandLine({"--config", path})->config.device, DeviceKind::kCuda);
  EXPECT_EQ(ParseCommandLine({"--config", path, "--device", "cpu"})->config.device, DeviceKind::kCpu);
  json["device"] = "gpu";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path, json.dump()).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ParseCommandLine({"--config", path}).status()));
}

// In the default build, in the CUDA build without a device, and with fewer devices than ranks on a machine.
TEST(LaunchTrainer, ADeviceThatIsNotThereIsAWrongConfigurationAndSaysWhatToDo) {
  const std::string path = WriteConfig(JoinPath(::testing::TempDir(), "no_device"));
  std::ostringstream out, err;
  const auto get = [](const char* name) -> const char* {
    const std::string variable = name;
    if (variable == "RANK" || variable == "LOCAL_RANK") return "100";
    return variable == "WORLD_SIZE" ? "101" : nullptr;
  };
  EXPECT_EQ(LaunchTrainer({"--config", path, "--device", "cuda"}, get, nullptr, out, err), 2);
  EXPECT_EQ(out.str(), "");
  EXPECT_NE(err.str().find("device: cuda"), std::string::npos) << err.str();
#ifndef USE_C10D_NCCL
  EXPECT_NE(err.str().find("--config=cuda"), std::string::npos) << err.str();
#endif
}

TEST(ParseCommandLine, WrongUseIsAnErrorAndHelpIsNot) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseCommandLine({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseCommandLine({"--config", "x", "--unknown"}).status()));
  EXPECT_TRUE(absl::IsNotFound(ParseCommandLine({"--config", "/nonexistent.json"}).status()));
  const std::string path = WriteConfig(JoinPath(::testing::TempDir(), "wrong"));
  EXPECT_TRUE(
      absl::IsInvalidArgument(ParseCommandLine({"--config", path, "--server_timeout", "soon"}).status()));
  const auto help = ParseCommandLine({"--help"});
  ASSERT_TRUE(help.ok());
  EXPECT_NE(help->text.find("--resident-experts"), std::string::npos);
}

TEST(LaunchTrainer, TrainsAndPrintsItsSummary) {
  const std::string path = WriteConfig(JoinPath(::testing::TempDir(), "launch"));
  std::ostringstream out, err;
  EXPECT_EQ(LaunchTrainer({"--config", path, "--num-steps", "2"}, NothingSet, nullptr, out, err), 0)
      << err.str();
  const auto summary = nlohmann::json::parse(out.str());
  EXPECT_EQ(summary["steps_done"], 2);
  EXPECT_GT(summary["tokens_per_second"], 0);
  EXPECT_TRUE(FileSystem::Local().Exists(summary["checkpoint"].get<std::string>()));
}

TEST(LaunchTrainer, ErrorsHaveAnExitCodeAndOneLine) {
  std::ostringstream out, err;
  EXPECT_EQ(LaunchTrainer({"--config", "/nonexistent.json"}, NothingSet, nullptr, out, err), 2);
  EXPECT_EQ(out.str(), "");
  EXPECT_NE(err.str().find("/nonexistent.json"), std::string::npos);
  const std::string path = WriteConfig(JoinPath(::testing::TempDir(), "environment"));
  const auto bad = [](const char* name) -> const char* {
    return std::string(name) == "RANK" ? "5" : std::string(name) == "WORLD_SIZE" ? "2" : nullptr;
  };
  EXPECT_EQ(LaunchTrainer({"--config", path}, bad, nullptr, out, err), 2);
}

}  // namespace
}  // namespace grouter
