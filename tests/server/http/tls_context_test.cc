// HTTPS, as the listener speaks it.
#include "server/http/tls_context.h"

#include "gtest/gtest.h"
#include "httplib.h"
#include "server/http/http_listener.h"
#include "tests/testing/serving/certificate_files.h"
#include "tests/testing/short_folder.h"

namespace grouter {
namespace {

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest() {
    HttpOptions options;
    options.certificates = store_;
    options.admit = [](const std::string& authorization) -> absl::StatusOr<HttpCaller> {
      if (authorization == "Bearer good") return HttpCaller();
      if (authorization == "Bearer weak") return absl::PermissionDeniedError("not for you");
      return absl::UnauthenticatedError("who are you");
    };
    HttpRoutes routes;
    routes["/x"] = [](const HttpCaller&) { return HttpAnswer{200, "text/plain", "there"}; };
    auto listener = HttpListener::Start("127.0.0.1:0", routes, options);
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = std::move(*listener);
  }
  std::shared_ptr<httplib::Response> Get(const std::string& ca, const std::string& authorization) {
    httplib::Client client("https://" + listener_->address());
    client.set_ca_cert_path(files_.Path(ca).c_str());
    auto result = client.Get("/x", httplib::Headers{{"Authorization", authorization}});
    return result ? std::make_shared<httplib::Response>(result.value()) : nullptr;
  }

  testing::ShortFolder folder_;
  testing::CertificateFiles files_{folder_.path()};
  const std::shared_ptr<CertificateStore> store_ = *CertificateStore::Open(
      {files_.Path("server.pem"), files_.Path("server.key"), ""}, FileSystem::Local());
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(TlsContextTest, LetsInWhomItsAskedAbout) {
  const auto good = Get("ca.pem", "Bearer good");
  ASSERT_NE(good, nullptr);
  EXPECT_EQ(good->status, 200);
  EXPECT_EQ(good->body, "there");
  const auto nobody = Get("ca.pem", "");
  ASSERT_NE(nobody, nullptr);
  EXPECT_EQ(nobody->status, 401);
  EXPECT_NE(nobody->get_header_value("WWW-Authenticate").find("Basic"), std::string::npos);
  EXPECT_EQ(Get("ca.pem", "Bearer weak")->status, 403);
}

TEST_F(TlsContextTest, TheNextHandshakeUsesAReplacedPair) {
  const KeyPair next = *MakeAuthority("next", testing::ValidFor());
  const KeyPair pair = *MakeCertificate(next, Role::kServer, {"127.0.0.1"}, testing::ValidFor());
  files_.Write("next.pem", next.certificate);
  EXPECT_EQ(Get("next.pem", "Bearer good"), nullptr);
  files_.Write("server.pem", pair.certificate);
  files_.Write("server.key", pair.key);
  ASSERT_TRUE(*store_->Reload());
  EXPECT_NE(Get("next.pem", "Bearer good"), nullptr);
  EXPECT_EQ(Get("ca.pem", "Bearer good"), nullptr);
}

TEST_F(TlsContextTest, PlainHttpGetsNoAnswer) {
  httplib::Client client("http://" + listener_->address());
  EXPECT_FALSE(client.Get("/x"));
}

}  // namespace
}  // namespace grouter
