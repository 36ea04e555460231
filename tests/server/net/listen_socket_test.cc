#include "server/net/listen_socket.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "io/file.h"

namespace grouter {
namespace {

// Short: a socket's path has 107 bytes at most.
std::string SocketPath() {
  char folder[] = "/tmp/grouter.XXXXXX";
  EXPECT_NE(mkdtemp(folder), nullptr);
  return std::string(folder) + "/s";
}

TEST(ListenSocketTest, ALoopbackAddressIsOneByWhatItResolvesTo) {
  EXPECT_TRUE(IsLoopbackAddress("127.0.0.1:80"));
  EXPECT_TRUE(IsLoopbackAddress("127.3.2.1:80"));
  EXPECT_TRUE(IsLoopbackAddress("[::1]:80"));
  EXPECT_FALSE(IsLoopbackAddress("0.0.0.0:80"));
  EXPECT_FALSE(IsLoopbackAddress("10.0.0.1:80"));
  EXPECT_FALSE(IsLoopbackAddress("127.name.invalid:80"));
  EXPECT_FALSE(IsLoopbackAddress(":80"));
}

TEST(ListenSocketTest, APortInUseIsAClearError) {
  const auto first = ListenSocket::Open("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(first->port(), 0);
  EXPECT_TRUE(first->is_loopback());
  const auto second = ListenSocket::Open(first->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(second.status().message()).find(first->address()), std::string::npos);
}

TEST(ListenSocketTest, AnAddressBeyondLoopbackIsKnown) {
  const auto any = ListenSocket::Open("0.0.0.0:0");
  ASSERT_TRUE(any.ok());
  EXPECT_FALSE(any->is_loopback());
}

TEST(ListenSocketTest, WhatIsNoAddressIsRefused) {
  for (const char* bad :
       {"", "127.0.0.1", ":", "127.0.0.1:99999", "127.0.0.1:x", "unix:", "no.such.host.invalid:1"}) {
    EXPECT_EQ(ListenSocket::Open(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(ListenSocket::Open("unix:/" + std::string(200, 'p')).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ListenSocketTest, AUnixPathInUseIsRefusedAndOneLeftBehindIsTaken) {
  const std::string path = SocketPath();
  {
    const auto first = ListenSocket::Open("unix:" + path);
    ASSERT_TRUE(first.ok()) << first.status();
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660u);
    EXPECT_EQ(ListenSocket::Open("unix:" + path).status().code(), absl::StatusCode::kFailedPrecondition);
    ASSERT_EQ(link(path.c_str(), (path + ".kept").c_str()), 0);
  }
  ASSERT_EQ(rename((path + ".kept").c_str(), path.c_str()), 0);  // as after a kill
  EXPECT_TRUE(ListenSocket::Open("unix:" + path).ok());
  EXPECT_TRUE(FileSystem::Local().RemoveTree(path.substr(0, path.rfind('/'))).ok());
}

}  // namespace
}  // namespace grouter
