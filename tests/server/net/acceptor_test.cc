#include "server/net/acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "io/mutex.h"

namespace grouter {
namespace {

int Dial(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  return fd;
}

class AcceptorTest : public ::testing::Test {
 protected:
  void Start(AcceptorOptions options) {
    std::vector<ListenSocket> sockets;
    sockets.push_back(*ListenSocket::Open("127.0.0.1:0"));
    port_ = sockets[0].port();
    acceptor_ = std::make_unique<Acceptor>(std::move(sockets), options, &counters_, [this](int, int fd) {
      MutexLock lock(&mutex_);
      taken_.push_back(fd);
      changed_.SignalAll();
    });
    ASSERT_TRUE(acceptor_->Start().ok());
  }
  int WaitForTaken(size_t count) {
    MutexLock lock(&mutex_);
    while (taken_.size() < count) changed_.Wait(&mutex_);
    return taken_[count - 1];
  }
  // The peer closes what it does not want: reading ends.
  static bool IsClosed(int fd) {
    char byte;
    return read(fd, &byte, 1) == 0;
  }

  Counters counters_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<int> taken_;
  int port_ = 0;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, ConnectionsArePassedOnAndCounted) {
  Start({});
  const int client = Dial(port_);
  const int taken = WaitForTaken(1);
  EXPECT_EQ(counters_.connections, 1u);
  int size = 0;
  socklen_t length = sizeof(size);
  getsockopt(taken, SOL_SOCKET, SO_SNDBUF, &size, &length);
  EXPECT_GE(size, 1 << 20);
  close(taken);
  close(client);
}

TEST_F(AcceptorTest, KnowsWhatAPeerHasAccepted) {
  Start({});
  const int client = Dial(port_);
  const int taken = WaitForTaken(1);
  sockaddr_in own{};
  socklen_t length = sizeof(own);
  ASSERT_EQ(getsockname(client, reinterpret_cast<sockaddr*>(&own), &length), 0);
  const std::string name = "ipv4:127.0.0.1:" + std::to_string(ntohs(own.sin_port));
  const auto before = acceptor_->BytesAccepted(name);
  ASSERT_TRUE(before.has_value());
  ASSERT_EQ(write(taken, "plans", 5), 5);
  while (*acceptor_->BytesAccepted(name) < *before + 5) sched_yield();
  EXPECT_FALSE(acceptor_->BytesAccepted("ipv4:127.0.0.1:1").has_value());
  shutdown(taken, SHUT_RDWR);
  close(taken);
  close(client);
  while (counters_.connections > 0) sched_yield();
  EXPECT_FALSE(acceptor_->BytesAccepted(name).has_value());
}

TEST_F(AcceptorTest, APeerHasItsShareAndGetsItBack) {
  AcceptorOptions options;
  options.max_connections_per_peer = 2;
  Start(options);
  const int first = Dial(port_);
  const int second = Dial(port_);
  WaitForTaken(2);
  const int third = Dial(port_);
  EXPECT_TRUE(IsClosed(third));
  EXPECT_EQ(counters_.rejects.Read()["max_connections_per_peer"], 1u);
  // The server's side ends one: its place is free again.
  shutdown(WaitForTaken(1), SHUT_RDWR);
  close(WaitForTaken(1));
  EXPECT_TRUE(IsClosed(first));
  while (counters_.connections > 1) sched_yield();
  const int fourth = Dial(port_);
  WaitForTaken(3);
  for (const int fd : {first, second, third, fourth}) close(fd);
}

TEST_F(AcceptorTest, TheTotalIsBounded) {
  AcceptorOptions options;
  options.max_connections = 1;
  Start(options);
  const int first = Dial(port_);
  WaitForTaken(1);
  const int second = Dial(port_);
  EXPECT_TRUE(IsClosed(second));
  EXPECT_EQ(counters_.connections_refused, 1u);
  close(first);
  close(second);
}

TEST_F(AcceptorTest, RunningOutOfDescriptorsIsSurvived) {
  Start({});
  const int client = Dial(port_);
  WaitForTaken(1);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int waiting = Dial(port_ ? port_ : 0);
  WaitForTaken(2);
  std::vector<int> hoard;
  rlimit low = before;
  low.rlim_cur = 64;
  const int late = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (int fd = dup(0); fd >= 0; fd = dup(0)) hoard.push_back(fd);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port_));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(late, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  EXPECT_TRUE(IsClosed(late));  // shed, not left hanging
  for (const int fd : hoard) close(fd);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  const int after = Dial(port_);
  WaitForTaken(3);
  for (const int fd : {client, waiting, late, after}) close(fd);
}

}  // namespace
}  // namespace grouter
