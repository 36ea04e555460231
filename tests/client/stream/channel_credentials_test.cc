#include "client/stream/channel_credentials.h"

#include "gtest/gtest.h"
#include "tests/testing/serving/certificate_files.h"
#include "tests/testing/short_folder.h"

namespace grouter {
namespace {

class ChannelCredentialsTest : public ::testing::Test {
 protected:
  absl::StatusCode Code(const ClientCredentials& credentials, const std::string& address = "host:1") {
    return MakeChannelCredentials(credentials, address).status().code();
  }
  testing::ShortFolder folder_;
  testing::CertificateFiles files_{folder_.path()};
};

TEST_F(ChannelCredentialsTest, WhatGoesTogetherIsTaken) {
  EXPECT_EQ(Code({}), absl::StatusCode::kOk);
  EXPECT_EQ(Code(files_.WithCertificate()), absl::StatusCode::kOk);
  EXPECT_EQ(Code(files_.WithToken()), absl::StatusCode::kOk);
}

TEST_F(ChannelCredentialsTest, ATokenOrACertificateWithoutTlsIsRefused) {
  ClientCredentials credentials = files_.WithToken();
  credentials.tls_ca.clear();
  EXPECT_EQ(Code(credentials), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code(credentials, "unix:/a/socket"), absl::StatusCode::kOk);  // it is not sent there
  credentials = files_.WithCertificate();
  credentials.tls_key.clear();
  EXPECT_EQ(Code(credentials), absl::StatusCode::kInvalidArgument);
}

TEST_F(ChannelCredentialsTest, AFileThatIsMissingOrHoldsMoreThanATokenIsNamedWithoutItsContent) {
  ClientCredentials credentials = files_.WithToken();
  credentials.token_file = files_.Path("tokens");
  const auto refused = MakeChannelCredentials(credentials, "host:1");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(refused.status().message()).find(testing::kTestToken), std::string::npos);
  credentials.token_file = files_.Path("no such file");
  EXPECT_EQ(Code(credentials), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
