#include "server/security/peer_users.h"

#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

TEST(PeerUsersTest, AUserKeepsItsSlot) {
  PeerUsers users;
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(users.SlotOf(pair[0]), 0);
  EXPECT_EQ(users.SlotOf(pair[1]), 0);
  EXPECT_EQ(users.SlotOf(-1), -1);
  close(pair[0]);
  close(pair[1]);
}

class PeerUsersServerTest : public RawClientTest {
 protected:
  grpc::Status Forget(const std::string& address) {
    const auto stub =
        v1::CatalogService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::ForgetJobRequest request;
    request.set_digest(digest_);
    v1::ForgetJobResponse response;
    return stub->ForgetJob(&context, request, &response);
  }
};

TEST_F(PeerUsersServerTest, TheKernelsWordAboutAUnixSocketsPeerReachesTheHandler) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.add_listen("unix:" + folder_.path() + "/socket");
  ServeWithJob(config);
  EXPECT_EQ(Forget(server_->addresses()[0]).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  // The owner is let in: what answers is the registry.
  EXPECT_EQ(Forget(server_->addresses()[1]).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(PeerUsersServerTest, ARuleForAnotherUserDoesNotHold) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.add_listen("unix:" + folder_.path() + "/socket");
  config.clear_access();
  auto* rule = config.add_access();
  rule->add_principals("uid:" + std::to_string(geteuid() + 1));
  rule->add_tables("*");
  rule->add_rights(server::AccessRule::ADMIN);
  Serve(config);
  EXPECT_EQ(Forget(server_->addresses()[1]).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace grouter
