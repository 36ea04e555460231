// Trainer processes as a person starts them: two shells, RANK and MASTER_PORT set, Gloo between them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "io/file.h"
#include "tests/testing/training/small_training.h"

namespace grouter {
namespace {

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

// Starts one rank; stderr goes to `log`.
pid_t Start(uint32_t rank, uint16_t port, const std::string& log, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "trainer/grouter_trainer");
  const std::vector<std::string> variables = {"RANK=" + std::to_string(rank), "WORLD_SIZE=2",
                                              "LOCAL_RANK=" + std::to_string(rank), "MASTER_ADDR=127.0.0.1",
                                              "MASTER_PORT=" + std::to_string(port)};
  std::vector<char*> argv, env;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  for (const std::string& variable : variables) env.push_back(const_cast<char*>(variable.data()));
  for (char** variable = environ; *variable != nullptr; ++variable) env.push_back(*variable);
  argv.push_back(nullptr);
  env.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    const int fd = open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    dup2(fd, 1);
    dup2(fd, 2);
    execve(argv[0], argv.data(), env.data());
    _exit(127);
  }
  return pid;
}

// The exit code, or minus the signal.
int Wait(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Read(const std::string& path) {
  const auto text = FileSystem::Local().ReadFile(path);
  return text.ok() ? *text : "";
}

// A planned run of two ranks, as files.
struct PlannedRun {
  explicit PlannedRun(const std::string& name, uint64_t num_steps)
      : folder(JoinPath(::testing::TempDir(), name)) {
    testing::SmallTraining training(folder, {});
    job.world_size = job.ep_size = 2;
    job.num_steps = num_steps;
    const auto planner = training.Planner(job, "train");
    FileSystem& files = FileSystem::Local();
    EXPECT_TRUE(WriteFileAtomically(files, JoinPath(folder, "job.json"), planner->spec().ToJson()).ok());
    EXPECT_TRUE(WriteFileAtomically(files, JoinPath(folder, "schedule"), planner->schedule().Encode()).ok());
    const TrainerConfig config = training.Config("run", job);
    nlohmann::json json;
    json["model"] = nlohmann::json::parse(config.model.ToJson());
    json["datasets"] = {
        {{"prefix", config.datasets[0].prefix}, {"sample_index", config.datasets[0].sample_index}}};
    json["train"] = {{"job", JoinPath(folder, "job.json")},
                     {"tables", {JoinPath(folder, "table")}},
                     {"schedule", JoinPath(folder, "schedule")}};
    json["checkpoint_interval"] = 1;
    json["collective_timeout"] = 30;
    EXPECT_TRUE(WriteFileAtomically(files, JoinPath(folder, "run.json"), json.dump()).ok());
  }
  std::vector<std::string> Arguments(const std::string& out, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--config", JoinPath(folder, "run.json"), "--out", JoinPath(folder, out)});
    return more;
  }
  // Exit codes of both ranks.
  std::vector<int> Run(const std::string& out, const std::vector<std::string>& more = {}) const {
    const uint16_t port = FreePort();
    std::vector<pid_t> pids;
    for (uint32_t rank = 0; rank < 2; ++rank) {
      pids.push_back(Start(rank, port, Log(out, rank), Arguments(out, more)));
    }
    return {Wait(pids[0]), Wait(pids[1])};
  }
  std::string Log(const std::string& out, uint32_t rank) const {
    return JoinPath(folder, out + ".rank" + std::to_string(rank) + ".log");
  }
  std::vector<double> Losses(const std::string& out) const {
    std::vector<double> losses;
    for (absl::string_view line : absl::StrSplit(Read(JoinPath(folder, out + "/metrics.jsonl")), '\n')) {
      const auto json = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
      if (json.is_object() && json.contains("train_loss")) losses.push_back(json["train_loss"].get<double>());
    }
    return losses;
  }
  std::string folder;
  testing::SmallTraining::JobOptions job;
};

TEST(TrainerProcesses, TwoShellsTrainByPlanAndResumeToTheSameBits) {
  const PlannedRun run("shells", 5);
  EXPECT_EQ(run.Run("whole"), (std::vector<int>{0, 0}))
      << Read(run.Log("whole", 0)) << Read(run.Log("whole", 1));
  ASSERT_EQ(run.Losses("whole").size(), 5u);
  EXPECT_EQ(run.Run("cut", {"--stop-after", "2"}), (std::vector<int>{0, 0}));
  EXPECT_EQ(run.Run("cut", {"--resume", "latest"}), (std::vector<int>{0, 0})) << Read(run.Log("cut", 0));
  EXPECT_EQ(run.Losses("cut"), run.Losses("whole"));
  EXPECT_EQ(run.Run("few", {"--resident-experts", "4"}), (std::vector<int>{0, 0})) << Read(run.Log("few", 0));
  EXPECT_EQ(run.Losses("few"), run.Losses("whole"));
}

TEST(TrainerProcesses, AKilledWorkerEndsTheOthersClearlyAndTheRunGoesOn) {
  const PlannedRun run("killed", 400);
  ASSERT_TRUE(FileSystem::Local().MakeFolders(JoinPath(run.folder, "out/checkpoints")).ok());
  // The kernel tells when the first checkpoint is renamed into its place.
  const int watch = inotify_init1(IN_CLOEXEC);
  ASSERT_GE(inotify_add_watch(watch, JoinPath(run.folder, "out/checkpoints").c_str(), IN_MOVED_TO), 0);
  const uint16_t port = FreePort();
  const pid_t first = Start(0, port, run.Log("out", 0), run.Arguments("out"));
  const pid_t second = Start(1, port, run.Log("out", 1), run.Arguments("out"));
  pollfd event = {watch, POLLIN, 0};
  ASSERT_EQ(poll(&event, 1, 60000), 1) << Read(run.Log("out", 0)) << Read(run.Log("out", 1));
  close(watch);
  ASSERT_EQ(kill(second, SIGKILL), 0);
  EXPECT_EQ(Wait(second), -SIGKILL);
  EXPECT_EQ(Wait(first), 3);
  const std::string log = Read(run.Log("out", 0));
  EXPECT_NE(log.find("collective failed"), std::string::npos) << log;
  EXPECT_NE(log.find("resume"), std::string::npos) << log;
  const size_t done = run.Losses("out").size();
  ASSERT_GT(done, 0u);
  ASSERT_LT(done, 400u);
  // What is there is whole: both ranks go on from it.
  EXPECT_EQ(run.Run("out", {"--resume", "latest", "--stop-after", std::to_string(done + 2)}),
            (std::vector<int>{0, 0}))
      << Read(run.Log("out", 0));
  EXPECT_EQ(run.Losses("out").size(), done + 2);
  EXPECT_EQ(run.Run("fresh", {"--stop-after", std::to_string(done + 2)}), (std::vector<int>{0, 0}));
  EXPECT_EQ(run.Losses("out"), run.Losses("fresh"));
}

TEST(TrainerProcesses, ARankThatNeverComesIsAnErrorInTime) {
  const PlannedRun run("alone", 2);
  const pid_t alone =
      Start(1, FreePort(), run.Log("out", 1), run.Arguments("out", {"--collective_timeout", "1s"}));
  EXPECT_EQ(Wait(alone), 3);
  EXPECT_NE(Read(run.Log("out", 1)).find("rendezvous"), std::string::npos) << Read(run.Log("out", 1));
}

}  // namespace
}  // namespace grouter
