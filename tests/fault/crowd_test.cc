// 2,000 connections at once, five times over, and a server without a free descriptor: a new client gets in.
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "io/file.h"
#include "tests/fault/loopback.h"
#include "tests/fault/whole_job.h"
#include "tests/server/server_process.h"

namespace grouter {
namespace {

constexpr size_t kCrowd = 2000;
constexpr size_t kRounds = 5;
// What an HTTP/2 client says first: its preface and empty settings.
const std::string kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

size_t OpenDescriptors(pid_t process) {
  size_t count = 0;
  DIR* const folder = opendir(absl::StrCat("/proc/", process, "/fd").c_str());
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count - 2;
}

// All at once; every other one speaks HTTP/2.
std::vector<int> DialCrowd(int port, size_t count) {
  std::vector<int> crowd;
  for (size_t i = 0; i < count; ++i) {
    crowd.push_back(testing::Dial(port));
    if (i % 2 == 0 && crowd.back() >= 0) testing::SendAll(crowd.back(), kHello);
  }
  return crowd;
}

// How many of the crowd were turned away, once it is `expected` of them or ten seconds have passed. What a
// server without a place says is the end.
size_t WaitForClosed(const std::vector<int>& crowd, size_t expected) {
  std::vector<pollfd> waiting;
  for (const int fd : crowd) waiting.push_back({fd, POLLIN, 0});  // negative descriptors are passed over
  size_t closed = static_cast<size_t>(std::count(crowd.begin(), crowd.end(), -1));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (closed < expected && std::chrono::steady_clock::now() < until) {
    if (poll(waiting.data(), waiting.size(), 100) <= 0) continue;
    for (pollfd& one : waiting) {
      if (one.fd < 0 || one.revents == 0) continue;
      char said[1024];
      if (read(one.fd, said, sizeof(said)) > 0) continue;
      one.fd = -1;
      ++closed;
    }
  }
  return closed;
}

void CloseAll(const std::vector<int>& crowd) {
  for (const int fd : crowd) close(fd);
}

class CrowdTest : public ::testing::Test {
 protected:
  void Start(const std::string& limits) {
    const std::string path = JoinPath(job_.root, "server.textproto");
    ASSERT_TRUE(WriteFileAtomically(
                    FileSystem::Local(), path,
                    absl::StrCat("roots: '", job_.root, "' listen: '127.0.0.1:0' limits { ", limits, " }"))
                    .ok());
    server_ = std::make_unique<testing::ServerProcess>(std::vector<std::string>{"--config", path});
    ASSERT_NE(server_->address(), "");
    port_ = testing::PortOf(server_->address());
  }
  void ExpectANewClientGetsIn() { testing::ExpectAllRanksRead(job_, digests_, {server_->address()}); }
  void TearDown() override {
    if (server_ == nullptr) return;
    server_->Signal(SIGTERM);
    server_->Signal(SIGINT);  // at once
    EXPECT_EQ(server_->Wait(), 0);
  }

  const testing::ServedJob job_ = testing::MakeFaultJob(6);
  const std::vector<Digest> digests_ = testing::DigestsOf(job_);
  std::unique_ptr<testing::ServerProcess> server_;
  int port_ = 0;
};

// Room for `count` descriptors, the server's included (it inherits the limit).
bool HaveDescriptors(uint64_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max >= count;
}

TEST_F(CrowdTest, TwoThousandAtOnceFiveTimesOver) {
  if (!HaveDescriptors(10000)) GTEST_SKIP() << "the hard limit of open files is below 10,000";
  Start("max_connections: 2500 max_connections_per_peer: 2500");
  uint64_t before = 0;
  for (size_t round = 0; round < kRounds * (testing::LongForm() ? 10 : 1); ++round) {
    const std::vector<int> crowd = DialCrowd(port_, kCrowd);
    EXPECT_EQ(std::count(crowd.begin(), crowd.end(), -1), 0);
    ExpectANewClientGetsIn();  // beside the crowd
    CloseAll(crowd);
    ExpectANewClientGetsIn();  // and after it
    if (round == 1) before = testing::AnonymousMemory(server_->pid());
  }
  testing::ExpectFlat(before, testing::AnonymousMemory(server_->pid()));
}

TEST_F(CrowdTest, ThoseBeyondTheLimitAreTurnedAway) {
  if (!HaveDescriptors(8192)) GTEST_SKIP() << "the hard limit of open files is below 8,192";
  Start("max_connections: 100 max_connections_per_peer: 90");
  for (size_t round = 0; round < kRounds; ++round) {
    const std::vector<int> crowd = DialCrowd(port_, kCrowd);
    const size_t turned_away = WaitForClosed(crowd, kCrowd - 90);
    EXPECT_GE(turned_away, kCrowd - 90);
    CloseAll(crowd);
    ExpectANewClientGetsIn();
  }
}

TEST_F(CrowdTest, AServerThatRanOutOfDescriptorsTakesANewClientAfterwards) {
  if (!HaveDescriptors(8192)) GTEST_SKIP() << "the hard limit of open files is below 8,192";
  Start("max_connections: 1000 max_connections_per_peer: 1000");
  ExpectANewClientGetsIn();
  rlimit before{};
  ASSERT_EQ(prlimit(server_->pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  for (size_t round = 0; round < kRounds; ++round) {
    rlimit low = before;
    low.rlim_cur = OpenDescriptors(server_->pid()) + 60;
    ASSERT_EQ(prlimit(server_->pid(), RLIMIT_NOFILE, &low, nullptr), 0);
    const std::vector<int> crowd = DialCrowd(port_, 200);
    // At most 30 found a pair of descriptors; the last one was shed, not left hanging.
    bool closed = false;
    testing::ReadToEnd(crowd.back(), 10000, &closed);
    EXPECT_TRUE(closed);
    CloseAll(crowd);
    ExpectANewClientGetsIn();  // with the low limit still in force
    ASSERT_EQ(prlimit(server_->pid(), RLIMIT_NOFILE, &before, nullptr), 0);
    ExpectANewClientGetsIn();
  }
}

}  // namespace
}  // namespace grouter
