// ServeUntilSignal, in the real program.
#include <sched.h>
#include <signal.h>

#include "grouter/v1/catalog_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "tests/server/server_process.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class ServeTest : public ::testing::Test {
 protected:
  std::string Config(const std::string& more) {
    const std::string path = job_.root + "/server.textproto";
    EXPECT_TRUE(WriteFileAtomically(FileSystem::Local(), path,
                                    "roots: '" + job_.root + "' listen: '127.0.0.1:0' " + more)
                    .ok());
    return path;
  }
  grpc::Status List(const std::string& address) {
    const auto stub =
        v1::CatalogService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::ListTablesResponse tables;
    return stub->ListTables(&context, v1::ListTablesRequest(), &tables);
  }
  const testing::ServedJob job_ = testing::MakeServedJob();
};

TEST_F(ServeTest, SigtermDrainsAndEndsWithZero) {
  testing::ServerProcess process({"--config", Config("timing { drain_delay_ms: 10 shutdown_ms: 5000 }")});
  ASSERT_NE(process.address(), "");
  EXPECT_TRUE(List(process.address()).ok());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(ServeTest, ASecondSigtermSkipsTheDelay) {
  testing::ServerProcess process({"--config", Config("timing { drain_delay_ms: 600000 }")});
  ASSERT_NE(process.address(), "");
  process.Signal(SIGTERM);
  EXPECT_TRUE(List(process.address()).ok());  // still served
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(ServeTest, SighupIsNoEnd) {
  testing::ServerProcess process({"--config", Config("timing { drain_delay_ms: 0 }")});
  ASSERT_NE(process.address(), "");
  process.Signal(SIGHUP);
  EXPECT_TRUE(List(process.address()).ok());
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(ServeTest, SighupTakesNewRulesAndNothingOfAConfigurationThatIsWrong) {
  testing::ServerProcess process({"--config", Config("timing { drain_delay_ms: 0 }")});
  ASSERT_NE(process.address(), "");
  Config("log_level: 'loud' access { principals: 'owner' tables: '*' rights: READ }");
  process.Signal(SIGHUP);
  EXPECT_TRUE(List(process.address()).ok());
  Config("access { principals: 'owner' tables: '*' rights: READ }");
  process.Signal(SIGHUP);
  while (List(process.address()).ok()) sched_yield();
  EXPECT_EQ(List(process.address()).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(ServeTest, WrongUsageAndAPortInUseEndWithTwo) {
  testing::ServerProcess wrong({"--root", "/no/such/folder"});
  EXPECT_EQ(wrong.address(), "");
  EXPECT_EQ(wrong.Wait(), 2);
  testing::ServerProcess first({"--config", Config("")});
  testing::ServerProcess second({"--root", job_.root, "--listen", first.address()});
  EXPECT_EQ(second.address(), "");
  EXPECT_EQ(second.Wait(), 2);
}

}  // namespace
}  // namespace grouter
