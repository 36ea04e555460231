#include "server/net/tcp_progress.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(TcpProgressTest, CountsWhatThePeerHasAcknowledged) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), size), 0);
  const int served = accept(listener, nullptr, nullptr);
  const auto before = BytesAcknowledged(served);
  ASSERT_TRUE(before.has_value());
  const std::string bytes(5000, 'x');
  ASSERT_EQ(write(served, bytes.data(), bytes.size()), 5000);
  while (*BytesAcknowledged(served) < *before + 5000) sched_yield();
  EXPECT_EQ(*BytesAcknowledged(served), *before + 5000);
  for (const int fd : {listener, client, served}) close(fd);
}

TEST(TcpProgressTest, AUnixSocketHasNone) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_FALSE(BytesAcknowledged(pair[0]).has_value());
  for (const int fd : pair) close(fd);
}

}  // namespace
}  // namespace grouter
