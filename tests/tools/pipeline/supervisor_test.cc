#include "tools/pipeline/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace grouter {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ProcessSpec Shell(const std::string& script, const std::string& name = "worker") {
  ProcessSpec spec;
  spec.name = name;
  spec.argv = {"sh", "-c", script};
  spec.log_path = Path(name + ".log");
  return spec;
}

// True once no process of that id is left, zombies included.
bool Gone(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

// Until a grandchild that the kernel kills has been reaped by whoever inherited it.
bool GoneSoon(pid_t pid) {
  for (int i = 0; i < 1000; ++i) {
    if (Gone(pid)) return true;
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string content;
    std::getline(stat, content);
    if (content.find(") Z ") != std::string::npos) return true;
    usleep(5000);
  }
  return false;
}

TEST(SupervisorTest, OutputAndLogGoToTheirFilesAndTheEnvironmentIsSet) {
  Supervisor supervisor;
  ProcessSpec spec = Shell("echo \"rank $RANK\"; echo remark >&2; pwd >&2");
  spec.environment = {{"RANK", "3"}};
  spec.output_path = Path("out");
  spec.working_folder = "/";
  const auto id = supervisor.Start(spec);
  ASSERT_TRUE(id.ok()) << id.status();
  ASSERT_TRUE(supervisor.Wait({*id}, seconds(30), "the worker").ok());
  EXPECT_EQ(Read(spec.output_path), "rank 3\n");
  EXPECT_EQ(Read(spec.log_path), "remark\n/\n");
  EXPECT_EQ(supervisor.end(*id).exit_code, 0);
  EXPECT_GT(supervisor.end(*id).peak_memory_bytes, 100 * 1024);
}

TEST(SupervisorTest, AMissingProgramIsNamed) {
  Supervisor supervisor;
  ProcessSpec spec = Shell("");
  spec.argv = {"/no/such/program"};
  const auto id = supervisor.Start(spec);
  EXPECT_EQ(id.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(id.status().message()), HasSubstr("/no/such/program"));
}

TEST(SupervisorTest, AFailedProcessEndsTheOthersAndItsLastLinesAreTold) {
  Supervisor supervisor;
  const auto sleeper = supervisor.Start(Shell("exec sleep 1000", "sleeper"));
  const auto failing = supervisor.Start(Shell("echo no disk space >&2; exit 7", "failing"));
  const absl::Status status = supervisor.Wait({*sleeper, *failing}, seconds(60), "both");
  EXPECT_THAT(std::string(status.message()), HasSubstr("failing ended with exit code 7"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no disk space"));
  EXPECT_TRUE(Gone(supervisor.pid(*sleeper)));
}

TEST(SupervisorTest, AKilledProcessIsReportedWithItsSignal) {
  Supervisor supervisor;
  const auto id = supervisor.Start(Shell("kill -9 $$", "victim"));
  const absl::Status status = supervisor.Wait({*id}, seconds(60), "it");
  EXPECT_THAT(std::string(status.message()), HasSubstr("victim was killed by signal 9"));
}

TEST(SupervisorTest, ADeadlineEndsEverything) {
  Supervisor supervisor;
  const auto id = supervisor.Start(Shell("exec sleep 1000"));
  const absl::Status status = supervisor.Wait({*id}, seconds(0), "the teacher");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the teacher did not end within 0 s"));
  EXPECT_TRUE(Gone(supervisor.pid(*id)));
}

TEST(SupervisorTest, ASignalToUsEndsTheWaitAndTheProcesses) {
  Supervisor supervisor;
  const auto id = supervisor.Start(Shell("exec sleep 1000"));
  pthread_kill(pthread_self(), SIGINT);  // blocked here, so it stays pending until the wait takes it
  const absl::Status status = supervisor.Wait({*id}, seconds(60), "it");
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Gone(supervisor.pid(*id)));
}

TEST(SupervisorTest, AProcessThatIgnoresSigtermIsKilled) {
  Supervisor supervisor;
  const auto id = supervisor.Start(Shell("trap '' TERM; echo ready >&2; while :; do sleep 1; done"));
  ASSERT_TRUE(
      supervisor.WaitUntil([] { return Read(Path("worker.log")) == "ready\n"; }, seconds(30), "its start")
          .ok());
  EXPECT_EQ(supervisor.Stop(*id, seconds(0)).signal, SIGKILL);
  EXPECT_TRUE(Gone(supervisor.pid(*id)));
}

TEST(SupervisorTest, ChildrenOfAnEndedProcessGoWithIt) {
  Supervisor supervisor;
  const auto id = supervisor.Start(Shell("sleep 1000 & echo $! >&2"));
  ASSERT_TRUE(supervisor.Wait({*id}, seconds(30), "it").ok());
  EXPECT_TRUE(GoneSoon(std::stoi(Read(Path("worker.log")))));
}

TEST(SupervisorTest, ProcessesDieWithTheirSupervisorsProcess) {
  const pid_t owner = fork();
  if (owner == 0) {
    Supervisor supervisor;
    const auto id = supervisor.Start(Shell("exec sleep 1000", "orphan"));
    std::ofstream(Path("orphan.pid.tmp")) << supervisor.pid(*id);
    rename(Path("orphan.pid.tmp").c_str(), Path("orphan.pid").c_str());
    pause();
    _exit(0);
  }
  while (access(Path("orphan.pid").c_str(), F_OK) != 0) usleep(2000);
  const pid_t orphan = std::stoi(Read(Path("orphan.pid")));
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(GoneSoon(orphan));
}

TEST(SupervisorTest, TheDestructorLeavesNothingBehind) {
  pid_t pid;
  {
    Supervisor supervisor;
    pid = supervisor.pid(*supervisor.Start(Shell("exec sleep 1000")));
  }
  EXPECT_TRUE(Gone(pid));
}

TEST(LastLinesTest, GivesTheEndOfAFileAndNothingForAMissingOne) {
  std::ofstream(Path("lines")) << "a\nb\nc\n";
  EXPECT_EQ(LastLines(Path("lines"), 2), "  b\n  c");
  EXPECT_EQ(LastLines(Path("no such file"), 2), "");
}

}  // namespace
}  // namespace grouter
