#include <sys/stat.h>

#include <ctime>

#include "server/trust.h"
#include "tests/tools/command/run_program.h"
#include "tools/certs/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

class CertsInitCommandTest : public ::testing::Test {
 protected:
  Outcome Init(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"init", "--out", folder_, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunInGroup("certs", AddCertsInitCommand, arguments);
  }
  std::string Read(const std::string& name) {
    return FileSystem::Local().ReadFile(folder_ + "/" + name).value_or("");
  }
  const std::string folder_ = FreshFolder() + "/certs";
};

TEST_F(CertsInitCommandTest, MakesASetThatAServerTrustsReadableByItsOwnerAlone) {
  const Outcome outcome = Init({"--host", "head", "10.0.0.1", "--client", "worker"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* name : {"ca.pem", "ca.key", "server.pem", "server.key", "client.pem", "client.key",
                           "tokens", "client.token"}) {
    struct stat info;
    ASSERT_EQ(stat((folder_ + "/" + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  struct stat info;
  ASSERT_EQ(stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  server::ServerConfig config;
  config.mutable_tls()->set_certificate(folder_ + "/server.pem");
  config.mutable_tls()->set_key(folder_ + "/server.key");
  config.mutable_tls()->set_client_ca(folder_ + "/ca.pem");
  config.set_token_file(folder_ + "/tokens");
  const auto trust = LoadTrust(config, FileSystem::Local());
  ASSERT_TRUE(trust.ok()) << trust.status();
  std::string token = Read("client.token");
  token.pop_back();
  EXPECT_EQ(trust->tokens.NameOf(token), "worker");
  EXPECT_EQ(Read("tokens").find(token), std::string::npos);
  EXPECT_EQ(outcome.out.find(token), std::string::npos);
}

TEST_F(CertsInitCommandTest, WhatIsThereStaysAndARemovedPairIsRenewedByTheSameAuthority) {
  ASSERT_EQ(Init().exit_code, 0);
  const std::string ca = Read("ca.pem"), server = Read("server.pem"), token = Read("client.token");
  EXPECT_EQ(Init().json()["made"].size(), 0u);
  ASSERT_EQ(std::remove((folder_ + "/server.pem").c_str()), 0);
  ASSERT_EQ(Init().exit_code, 0);
  EXPECT_EQ(Read("ca.pem"), ca);
  EXPECT_EQ(Read("client.token"), token);
  EXPECT_NE(Read("server.pem"), server);
}

TEST_F(CertsInitCommandTest, WithoutTheAuthoritysKeyNothingIsRenewed) {
  ASSERT_EQ(Init().exit_code, 0);
  ASSERT_EQ(std::remove((folder_ + "/ca.key").c_str()), 0);
  EXPECT_EQ(Init().exit_code, 0);  // all that is needed is there
  ASSERT_EQ(std::remove((folder_ + "/client.pem").c_str()), 0);
  EXPECT_EQ(Init().exit_code, 2);
}

TEST_F(CertsInitCommandTest, AWrongHostOrTimeIsWrongUsage) {
  EXPECT_EQ(Init({"--host", "a,b"}).exit_code, 2);
  EXPECT_EQ(Init({"--days", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace grouter
