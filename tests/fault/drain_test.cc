// SIGTERM: not ready but still serving for a while, then streams end between their parts, then the process
// ends, whoever reads or does not.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grouter/v1/plan_service.grpc.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "proto/codec.h"
#include "tests/fault/loopback.h"
#include "tests/fault/whole_job.h"
#include "tests/server/server_process.h"

namespace grouter {
namespace {

namespace health = grpc::health::v1;

std::string FirstLineOf(const std::string& address, const std::string& path) {
  const int fd = testing::Dial(testing::PortOf(address));
  testing::SendAll(fd, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"));
  bool closed = false;
  const std::string answer = testing::ReadToEnd(fd, 10000, &closed);
  close(fd);
  return answer.substr(0, answer.find('\r'));
}

health::HealthCheckResponse::ServingStatus HealthOf(const std::string& address, const std::string& service) {
  grpc::TemplatedGenericStub<health::HealthCheckRequest, health::HealthCheckResponse> stub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  health::HealthCheckRequest request;
  request.set_service(service);
  health::HealthCheckResponse response;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  EXPECT_TRUE(queue.Next(&tag, &ok) && ok && status.ok()) << status.error_message();
  return response.status();
}

std::string ConfigFile(const testing::ServedJob& job, const std::string& name, const std::string& listen,
                       const std::string& timing) {
  const std::string path = JoinPath(job.root, name);
  EXPECT_TRUE(WriteFileAtomically(
                  FileSystem::Local(), path,
                  absl::StrCat("roots: '", job.root, "' listen: '", listen, "' timing { ", timing, " }"))
                  .ok());
  return path;
}

TEST(DrainTest, WhileDrainingEverythingIsServedAndReadinessSaysNo) {
  const testing::ServedJob job = testing::MakeFaultJob(6);
  server::ServerConfig config = testing::TestConfig(job.root);
  config.set_probe("127.0.0.1:0");
  const auto server = testing::StartServer(config);
  const std::string address = server->addresses()[0];
  EXPECT_EQ(FirstLineOf(server->probe_address(), "/readyz"), "HTTP/1.1 200 OK");
  EXPECT_EQ(HealthOf(address, ""), health::HealthCheckResponse::SERVING);
  server->BeginDrain();
  EXPECT_EQ(FirstLineOf(server->probe_address(), "/readyz").substr(0, 12), "HTTP/1.1 503");
  EXPECT_EQ(FirstLineOf(server->probe_address(), "/healthz"), "HTTP/1.1 200 OK");
  for (const char* service : {"", "grouter.v1.PlanService", "grouter.v1.CatalogService"}) {
    EXPECT_EQ(HealthOf(address, service), health::HealthCheckResponse::NOT_SERVING) << service;
  }
  testing::ExpectAllRanksRead(job, testing::DigestsOf(job), {address});
}

// As in the recipe for an upgrade (docs/server.md).
TEST(DrainTest, ServersThatAreReplacedOneAfterAnotherLoseNoStep) {
  const testing::ServedJob job = testing::MakeFaultJob(40);
  const std::vector<Digest> digests = testing::DigestsOf(job);
  std::vector<std::unique_ptr<testing::ServerProcess>> servers;
  std::vector<std::string> addresses;
  const auto start = [&](int which, const std::string& listen) {
    return std::make_unique<testing::ServerProcess>(std::vector<std::string>{
        "--config", ConfigFile(job, absl::StrCat("server", which), listen, "drain_delay_ms: 50")});
  };
  for (int i = 0; i < 2; ++i) {
    servers.push_back(start(i, "127.0.0.1:0"));
    ASSERT_NE(servers[i]->address(), "");
    addresses.push_back(servers[i]->address());
  }
  std::atomic<bool> replacing{true};
  std::vector<std::thread> clients;
  for (uint32_t rank = 0; rank < digests.size(); ++rank) {
    clients.emplace_back([&, rank] {
      do {
        const auto received = testing::ReadWholeJob(testing::ClientOptions(job, addresses, rank));
        ASSERT_TRUE(received.ok()) << received.status();
        ASSERT_EQ(*received, digests[rank]);
      } while (replacing);
    });
  }
  for (int round = 0; round < (testing::LongForm() ? 100 : 4); ++round) {
    const int which = round % 2;
    servers[which]->Signal(SIGTERM);
    EXPECT_EQ(servers[which]->Wait(), 0);
    servers[which] = start(which, addresses[which]);
    ASSERT_EQ(servers[which]->address(), addresses[which]);
  }
  replacing = false;
  for (std::thread& client : clients) client.join();
  for (const auto& server : servers) {
    server->Signal(SIGTERM);
    EXPECT_EQ(server->Wait(), 0);
  }
}

TEST(DrainTest, AReaderThatIsStuckOrWithoutCreditDoesNotHoldTheEnd) {
  testing::ServedJobOptions large;  // more than all buffers between server and reader hold
  large.num_samples = 4;
  large.sample_length = 300000;
  large.samples_per_step = 4;
  large.num_steps = 1;
  large.second_epoch_at = 0;
  const testing::ServedJob job = testing::MakeServedJob(large);
  testing::ServerProcess server(
      {"--config", ConfigFile(job, "server", "127.0.0.1:0", "drain_delay_ms: 0 shutdown_ms: 1000")});
  ASSERT_NE(server.address(), "");
  const auto channel = grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials());
  {
    grpc::ClientContext context;
    v1::RegisterJobRequest request;
    *request.mutable_spec() = ToWire(job.spec);
    v1::RegisterJobResponse response;
    ASSERT_TRUE(v1::CatalogService::NewStub(channel)->RegisterJob(&context, request, &response).ok());
  }
  const auto stub = v1::PlanService::NewStub(channel);
  const auto open = [&](grpc::ClientContext* context, uint64_t credit) {
    auto stream = stub->StreamPlans(context);
    v1::StreamPlansRequest request;
    request.mutable_open()->set_job_digest(job.spec.digest().Hex());
    request.set_granted_payload_bytes(credit);
    EXPECT_TRUE(stream->Write(request));
    v1::StreamPlansResponse response;
    EXPECT_TRUE(stream->Read(&response));
    return stream;
  };
  grpc::ClientContext stuck_context;
  grpc::ClientContext waiting_context;
  const auto stuck = open(&stuck_context, uint64_t{1} << 40);
  const auto waiting = open(&waiting_context, 1 << 20);
  const auto begun = std::chrono::steady_clock::now();
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  for (auto* stream : {stuck.get(), waiting.get()}) {
    v1::StreamPlansResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_FALSE(stream->Finish().ok());
  }
}

}  // namespace
}  // namespace grouter
