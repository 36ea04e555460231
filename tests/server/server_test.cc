#include "server/server.h"

#include <stdlib.h>

#include "grpcpp/health_check_service_interface.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class ServerTest : public RawClientTest {};

TEST_F(ServerTest, APortInUseIsAnError) {
  Serve(testing::TestConfig(job_.root));
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.set_listen(0, server_->addresses()[0]);
  EXPECT_EQ(Server::Start(config).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServerTest, PlainTcpBeyondLoopbackNeedsTheFlagThatTheErrorNames) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.set_listen(0, "0.0.0.0:0");
  const auto refused = Server::Start(config);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(refused.status().message()).find("--insecure_beyond_loopback"), std::string::npos);
  config.set_insecure_beyond_loopback(true);
  EXPECT_TRUE(Server::Start(config).ok());
}

TEST_F(ServerTest, ServesAUnixSocketBesideTcp) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  char folder[] = "/tmp/grouter.XXXXXX";  // short: a socket's path has 107 bytes at most
  ASSERT_NE(mkdtemp(folder), nullptr);
  config.add_listen(std::string("unix:") + folder + "/socket");
  ServeWithJob(config);
  ASSERT_EQ(server_->addresses().size(), 2u);
  const auto channel = grpc::CreateChannel(server_->addresses()[1], grpc::InsecureChannelCredentials());
  const auto stub = v1::CatalogService::NewStub(channel);
  grpc::ClientContext context;
  v1::ListJobsResponse jobs;
  const grpc::Status status = stub->ListJobs(&context, v1::ListJobsRequest(), &jobs);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(jobs.jobs_size(), 1);
  server_.reset();
  EXPECT_TRUE(FileSystem::Local().RemoveTree(folder).ok());
}

TEST_F(ServerTest, TwoServersAndARestartedOneGiveTheSameBytes) {
  const auto read = [&] {
    ServeWithJob();
    std::string payload;
    grpc::ClientContext context;
    v1::GetPlanRequest request;
    request.set_job_digest(digest_);
    request.set_step(3);
    const auto reader = plans_->GetPlan(&context, request);
    v1::GetPlanResponse response;
    while (reader->Read(&response)) {
      for (const auto& frame : response.frames()) payload += frame.data();
    }
    EXPECT_TRUE(reader->Finish().ok());
    return payload;
  };
  const std::string first = read();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(read(), first);
}

TEST_F(ServerTest, ShutdownIsIdempotentAndEndsWatches) {
  ServeWithJob();
  grpc::ClientContext context;
  v1::WatchPlacementRequest request;
  request.set_job_digest(digest_);
  const auto reader = plans_->WatchPlacement(&context, request);
  v1::WatchPlacementResponse response;
  ASSERT_TRUE(reader->Read(&response));
  server_->Shutdown(std::chrono::milliseconds(5000));
  server_->Shutdown(std::chrono::milliseconds(5000));
  while (reader->Read(&response)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

}  // namespace
}  // namespace grouter
