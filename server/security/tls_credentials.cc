#include "server/security/tls_credentials.h"

#include <string>
#include <utility>

#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "io/error.h"

namespace grouter {
namespace {

// gRPC's C core asks for the certificates at each handshake. The C++ layer has no name for that; its only
// reload is an experimental watcher of files that puts a mismatched pair live.
class ReloadableCredentials : public grpc::ServerCredentials {
 public:
  ReloadableCredentials(std::shared_ptr<const CertificateStore> store, bool require)
      : store_(std::move(store)) {
    const bool asks = !store_->current()->texts.client_ca.empty();
    const auto request = !asks     ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                         : require ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                   : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, Fetch, this));
    GROUTER_CHECK(credentials_ != nullptr);
  }
  ~ReloadableCredentials() override { grpc_server_credentials_release(credentials_); }
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    GROUTER_CHECK(false);  // tokens are checked by the gate
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }
  // Called under a lock of gRPC's own.
  static grpc_ssl_certificate_config_reload_status Fetch(void* self,
                                                         grpc_ssl_server_certificate_config** config) {
    auto* credentials = static_cast<ReloadableCredentials*>(self);
    const std::shared_ptr<const CertificateSet> set = credentials->store_->current();
    if (set->generation == credentials->generation_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{set->texts.key.c_str(), set->texts.chain.c_str()};
    // gRPC asserts that there are roots. Where no certificate is asked for, they verify nothing.
    const std::string& roots = set->texts.client_ca.empty() ? set->texts.chain : set->texts.client_ca;
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    credentials->generation_ = set->generation;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<const CertificateStore> store_;
  uint64_t generation_ = 0;
  grpc_server_credentials* credentials_ = nullptr;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(std::shared_ptr<const CertificateStore> store,
                                                        bool require_client_certificate) {
  return std::make_shared<ReloadableCredentials>(std::move(store), require_client_certificate);
}

}  // namespace grouter
