// TLS through the server's own accept loop.
#include "server/security/tls_credentials.h"

#include "client/stream/channel_credentials.h"
#include "gtest/gtest.h"
#include "tests/server/stream/raw_client.h"
#include "tests/testing/serving/certificate_files.h"

namespace grouter {
namespace {

class TlsCredentialsTest : public RawClientTest {
 protected:
  server::ServerConfig Config() {
    server::ServerConfig config = testing::TestConfig(job_.root);
    files_.Configure(&config);
    return config;
  }
  grpc::Status List(const ClientCredentials& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto channel = MakeChannelCredentials(credentials, server_->addresses()[0]);
    EXPECT_TRUE(channel.ok()) << channel.status();
    const auto stub =
        v1::CatalogService::NewStub(grpc::CreateCustomChannel(server_->addresses()[0], *channel, arguments));
    grpc::ClientContext context;
    v1::ListTablesResponse tables;
    return stub->ListTables(&context, v1::ListTablesRequest(), &tables);
  }
  testing::CertificateFiles files_{folder_.path()};
};

TEST_F(TlsCredentialsTest, ACertificateOrATokenNamesACaller) {
  server_ = testing::StartServer(Config());
  EXPECT_TRUE(List(files_.WithCertificate()).ok());
  EXPECT_TRUE(List(files_.WithToken()).ok());
  EXPECT_EQ(List({files_.Path("ca.pem"), "", "", ""}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  files_.Write("client.token", "another-token-that-nobody-has");
  EXPECT_EQ(List(files_.WithToken()).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(TlsCredentialsTest, WithoutAClientsCaTokensAloneNameCallers) {
  server::ServerConfig config = Config();
  config.mutable_tls()->clear_client_ca();
  server_ = testing::StartServer(config);
  EXPECT_TRUE(List(files_.WithToken()).ok());
  // A certificate is not asked for, so it names nobody.
  EXPECT_EQ(List(files_.WithCertificate()).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(TlsCredentialsTest, RulesHoldForACertificatesName) {
  server::ServerConfig config = Config();
  config.clear_access();
  auto* rule = config.add_access();
  rule->add_principals("cert:worker.*");
  rule->add_tables("*");
  rule->add_rights(server::AccessRule::READ);
  server_ = testing::StartServer(config);
  EXPECT_TRUE(List(files_.WithCertificate()).ok());
  EXPECT_EQ(List(files_.WithToken()).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(TlsCredentialsTest, ExpiredAndForeignClientCertificatesAreNotLetIn) {
  server_ = testing::StartServer(Config());
  const auto with = [&](const KeyPair& pair) {
    files_.Write("client.pem", pair.certificate);
    files_.Write("client.key", pair.key);
    return List(files_.WithCertificate()).error_code();
  };
  EXPECT_EQ(with(files_.Make(Role::kClient, {"worker.test"}, testing::ValidFor(-1))),
            grpc::StatusCode::UNAVAILABLE);
  const KeyPair stranger = *MakeAuthority("stranger", testing::ValidFor());
  EXPECT_EQ(with(*MakeCertificate(stranger, Role::kClient, {"worker.test"}, testing::ValidFor())),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(with(files_.Make(Role::kClient, {"worker.test"})), grpc::StatusCode::OK);
}

TEST_F(TlsCredentialsTest, AClientDoesNotTrustAServerOfAnotherCaOrName) {
  server_ = testing::StartServer(Config());
  files_.Write("other.pem", MakeAuthority("stranger", testing::ValidFor())->certificate);
  ClientCredentials credentials = files_.WithToken();
  credentials.tls_ca = files_.Path("other.pem");
  EXPECT_EQ(List(credentials).error_code(), grpc::StatusCode::UNAVAILABLE);
  const KeyPair elsewhere = files_.Make(Role::kServer, {"elsewhere.test"});
  files_.Write("server.pem", elsewhere.certificate);
  files_.Write("server.key", elsewhere.key);
  ASSERT_TRUE(server_->Reload(Config()).ok());
  EXPECT_EQ(List(files_.WithToken()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsCredentialsTest, AReloadedPairServesNewConnectionsAndABadOneServesNone) {
  server_ = testing::StartServer(Config());
  ASSERT_TRUE(List(files_.WithToken()).ok());
  // A new CA for the server alone: who trusts only the old one is refused, so the pair is in use.
  const KeyPair next = *MakeAuthority("next", testing::ValidFor());
  const KeyPair pair = *MakeCertificate(next, Role::kServer, {"127.0.0.1"}, testing::ValidFor());
  files_.Write("server.pem", pair.certificate);
  EXPECT_EQ(server_->Reload(Config()).code(), absl::StatusCode::kFailedPrecondition);  // the key is missing
  EXPECT_TRUE(List(files_.WithToken()).ok());
  files_.Write("server.key", pair.key);
  ASSERT_TRUE(server_->Reload(Config()).ok());
  EXPECT_FALSE(List(files_.WithToken()).ok());
  files_.Write("next.pem", next.certificate);
  ClientCredentials credentials = files_.WithToken();
  credentials.tls_ca = files_.Path("next.pem");
  EXPECT_TRUE(List(credentials).ok());
}

TEST_F(TlsCredentialsTest, TokensAndRulesAreReloaded) {
  server::ServerConfig config = Config();
  server_ = testing::StartServer(config);
  files_.Write("tokens", "someone another-token-entirely\n");
  ASSERT_TRUE(server_->Reload(config).ok());
  EXPECT_EQ(List(files_.WithToken()).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  files_.Write("tokens", "broken\n");
  EXPECT_EQ(server_->Reload(config).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(List(files_.WithCertificate()).ok());
  config.mutable_access()->Clear();
  files_.Write("tokens", "");
  ASSERT_TRUE(server_->Reload(config).ok());
  EXPECT_EQ(List(files_.WithCertificate()).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(TlsCredentialsTest, RequiringACertificateEndsTheHandshakeWithoutOne) {
  server::ServerConfig config = Config();
  config.mutable_tls()->set_require_client_certificate(true);
  server_ = testing::StartServer(config);
  EXPECT_EQ(List(files_.WithToken()).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(List(files_.WithCertificate()).ok());
}

}  // namespace
}  // namespace grouter
