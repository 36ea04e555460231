// Certificates that are expired, wrong or mismatched, and tables that shrink under TLS: no server dies or
// goes deaf, and clients find the one that is whole.
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "client/grpc_plan_source.h"
#include "client/stream/channel_credentials.h"
#include "grouter/v1/stats_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"
#include "tests/testing/serving/certificate_files.h"
#include "tests/testing/serving/served_job.h"
#include "tests/testing/short_folder.h"

namespace grouter {
namespace {

class CertificatesTest : public ::testing::Test {
 protected:
  std::vector<std::string> Arguments(const std::string& root) const {
    return {"--root",          root,
            "--listen",        "127.0.0.1:0",
            "--tls_cert",      files_.Path("server.pem"),
            "--tls_key",       files_.Path("server.key"),
            "--tls_client_ca", files_.Path("ca.pem"),
            "--token_file",    files_.Path("tokens")};
  }
  void Put(const KeyPair& pair) const {
    files_.Write("server.pem", pair.certificate);
    files_.Write("server.key", pair.key);
  }
  v1::ServerStats Stats(const std::string& address) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // each call is a handshake of its own
    const auto stub = v1::StatsService::NewStub(
        grpc::CreateCustomChannel(address, *MakeChannelCredentials(files_.WithToken(), address), arguments));
    grpc::ClientContext context;
    v1::GetStatsResponse response;
    const grpc::Status status = stub->GetStats(&context, v1::GetStatsRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.server();
  }
  static void ExpectTheSamePlans(PlanSource* source, PlanSource* oracle, uint64_t step) {
    EXPECT_EQ(testing::StepBytes(source, step), testing::StepBytes(oracle, step));
    for (uint32_t m = 0; m < 2; ++m) {
      ASSERT_EQ(testing::MicroBatchBytes(source, step, m), testing::MicroBatchBytes(oracle, step, m));
    }
  }
  static void ExpectAlive(testing::ServerProcess* server) {
    server->Signal(SIGTERM);
    server->Signal(SIGTERM);
    EXPECT_EQ(server->Wait(), 0);
  }

  testing::ShortFolder folder_;
  testing::CertificateFiles files_{folder_.path()};
};

TEST_F(CertificatesTest, AnExpiredOrMismatchedPairAtTheStartEndsWithTwo) {
  const testing::ServedJob job = testing::MakeServedJob();
  Put(files_.Make(Role::kServer, {"127.0.0.1"}, testing::ValidFor(-1)));
  testing::ServerProcess expired(Arguments(job.root));
  EXPECT_EQ(expired.address(), "");
  EXPECT_EQ(expired.Wait(), 2);
  files_.Write("server.pem", files_.Make(Role::kServer, {"127.0.0.1"}).certificate);
  testing::ServerProcess mismatched(Arguments(job.root));
  EXPECT_EQ(mismatched.Wait(), 2);
  files_.Write("tokens", "broken");
  Put(files_.Make(Role::kServer, {"127.0.0.1"}));
  testing::ServerProcess broken(Arguments(job.root));
  EXPECT_EQ(broken.Wait(), 2);
}

TEST_F(CertificatesTest, ABadPairUnderARunningServerKeepsTheOldOneAndIsCounted) {
  const testing::ServedJob job = testing::MakeServedJob();
  testing::ServerProcess server(Arguments(job.root));
  ASSERT_NE(server.address(), "");
  const int64_t expiry = Stats(server.address()).certificate_expiry_unix_seconds();
  uint64_t refused = 0;
  for (const Validity validity : {testing::ValidFor(-1), testing::ValidFor(5)}) {
    const KeyPair pair = files_.Make(Role::kServer, {"127.0.0.1"}, validity);
    files_.Write("server.pem", pair.certificate);
    if (validity.not_after_s < expiry) files_.Write("server.key", pair.key);  // expired; else mismatched
    server.Signal(SIGHUP);
    while (Stats(server.address()).certificate_reloads_refused() <= refused) sched_yield();
    ++refused;
    EXPECT_TRUE(Stats(server.address()).certificate_stale());
    EXPECT_EQ(Stats(server.address()).certificate_expiry_unix_seconds(), expiry);
  }
  Put(files_.Make(Role::kServer, {"127.0.0.1"}, {testing::ValidFor().not_before_s, expiry - 60}));
  server.Signal(SIGHUP);
  while (Stats(server.address()).certificate_expiry_unix_seconds() == expiry) sched_yield();
  EXPECT_FALSE(Stats(server.address()).certificate_stale());
  ExpectAlive(&server);
}

TEST_F(CertificatesTest, AClientGoesPastAServerThatIsNotWhatItSays) {
  const testing::ServedJob job = testing::MakeServedJob();
  const KeyPair stranger = *MakeAuthority("stranger", testing::ValidFor());
  const KeyPair right{*FileSystem::Local().ReadFile(files_.Path("server.pem")),
                      *FileSystem::Local().ReadFile(files_.Path("server.key"))};
  Put(*MakeCertificate(stranger, Role::kServer, {"127.0.0.1"}, testing::ValidFor()));
  testing::ServerProcess wrong(Arguments(job.root));
  Put(right);
  testing::ServerProcess good(Arguments(job.root));
  GrpcPlanSourceOptions options;
  options.servers = {wrong.address(), good.address()};
  options.spec = job.spec;
  options.credentials = files_.WithCertificate();
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto oracle = job.Local(0);
  for (uint64_t step = 0; step < 6; ++step) ExpectTheSamePlans(source->get(), oracle.get(), step);
}

TEST_F(CertificatesTest, AClientNobodyKnowsIsToldSoAtOnce) {
  const testing::ServedJob job = testing::MakeServedJob();
  testing::ServerProcess server(Arguments(job.root));
  GrpcPlanSourceOptions options;
  options.servers = {server.address()};
  options.spec = job.spec;
  options.credentials = files_.WithToken();
  files_.Write("client.token", "a-token-that-nobody-has");
  EXPECT_EQ(ConnectPlanSource(options).status().code(), absl::StatusCode::kUnauthenticated);
  options.credentials.token_file = files_.Path("none");
  EXPECT_EQ(ConnectPlanSource(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CertificatesTest, ATableThatShrinksUnderTlsKillsNobody) {
  testing::ServedJobOptions shape;
  shape.num_samples = 64;
  shape.sample_length = 4096;
  shape.num_steps = 12;
  shape.second_epoch_at = 0;
  const testing::ServedJob damaged = testing::MakeServedJob(shape);
  const testing::ServedJob whole = testing::MakeServedJob(shape);
  testing::ServerProcess first(Arguments(damaged.root));
  testing::ServerProcess second(Arguments(whole.root));
  GrpcPlanSourceOptions options;
  options.servers = {first.address(), second.address()};
  options.spec = whole.spec;
  options.credentials = files_.WithCertificate();
  options.window_bytes = 1;
  auto source = ConnectPlanSource(options);
  ASSERT_TRUE(source.ok()) << source.status();
  const auto oracle = whole.Local(0);
  for (uint64_t step = 0; step < 12; ++step) {
    if (step == 2) {
      const auto names = FileSystem::Local().List(damaged.table_path);
      ASSERT_TRUE(names.ok());
      for (const std::string& name : *names) {
        if (name == "MANIFEST") continue;
        ASSERT_EQ(truncate(JoinPath(damaged.table_path, name).c_str(), 100), 0);
      }
    }
    ExpectTheSamePlans(source->get(), oracle.get(), step);
    (*source)->Finished(step);
  }
  ExpectAlive(&first);
  ExpectAlive(&second);
}

}  // namespace
}  // namespace grouter
