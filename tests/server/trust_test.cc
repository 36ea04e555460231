#include "server/trust.h"

#include "gtest/gtest.h"
#include "tests/testing/serving/certificate_files.h"
#include "tests/testing/short_folder.h"

namespace grouter {
namespace {

class TrustTest : public ::testing::Test {
 protected:
  absl::StatusCode Load(const server::ServerConfig& config) {
    return LoadTrust(config, FileSystem::Local()).status().code();
  }
  testing::ShortFolder folder_;
  testing::CertificateFiles files_{folder_.path()};
};

TEST_F(TrustTest, ReadsWhatTheConfigurationNames) {
  EXPECT_EQ(LoadTrust(server::ServerConfig(), FileSystem::Local())->certificates, nullptr);
  server::ServerConfig config;
  files_.Configure(&config);
  const auto trust = LoadTrust(config, FileSystem::Local());
  ASSERT_TRUE(trust.ok()) << trust.status();
  EXPECT_NE(trust->certificates, nullptr);
  EXPECT_EQ(trust->tokens.NameOf(testing::kTestToken), "tester");
}

TEST_F(TrustTest, WhatCannotBeReadIsAWrongConfiguration) {
  server::ServerConfig config;
  files_.Configure(&config);
  config.set_token_file(files_.Path("none"));
  EXPECT_EQ(Load(config), absl::StatusCode::kInvalidArgument);
  files_.Configure(&config);
  config.mutable_tls()->set_key(files_.Path("none"));
  EXPECT_EQ(Load(config), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TrustTest, BeyondLoopbackGrpcNeedsTlsAndHttpNeedsTokensTooOrTheFlagThatIsNamed) {
  server::ServerConfig config;
  EXPECT_TRUE(CheckGrpcExposure(config, "127.0.0.1:1", true).ok());
  EXPECT_TRUE(CheckHttpExposure(config, "127.0.0.1:1", true).ok());
  for (const absl::Status& refused :
       {CheckGrpcExposure(config, "0.0.0.0:1", false), CheckHttpExposure(config, "0.0.0.0:1", false)}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(std::string(refused.message()).find("--insecure_beyond_loopback"), std::string::npos);
  }
  files_.Configure(&config);
  EXPECT_TRUE(CheckGrpcExposure(config, "0.0.0.0:1", false).ok());
  EXPECT_TRUE(CheckHttpExposure(config, "0.0.0.0:1", false).ok());
  config.clear_token_file();
  EXPECT_TRUE(CheckGrpcExposure(config, "0.0.0.0:1", false).ok());
  EXPECT_FALSE(CheckHttpExposure(config, "0.0.0.0:1", false).ok());
  config.Clear();
  config.set_insecure_beyond_loopback(true);
  EXPECT_TRUE(CheckGrpcExposure(config, "0.0.0.0:1", false).ok());
  EXPECT_TRUE(CheckHttpExposure(config, "0.0.0.0:1", false).ok());
}

}  // namespace
}  // namespace grouter
