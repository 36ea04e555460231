#include "tests/testing/serving/certificate_files.h"

#include <ctime>

#include "io/error.h"
#include "io/file.h"

namespace grouter {
namespace testing {
namespace {

KeyPair Must(const absl::StatusOr<KeyPair>& pair) {
  GROUTER_CHECK(pair.ok());
  return *pair;
}

}  // namespace

Validity ValidFor(int days) {
  const int64_t now = std::time(nullptr);
  return {now - (days < 0 ? 2 * 86400 : 3600), now + days * int64_t{86400}};
}

CertificateFiles::CertificateFiles(const std::string& folder, const std::string& client)
    : folder_(folder), authority_(Must(MakeAuthority("test CA", ValidFor()))) {
  const KeyPair server = Make(Role::kServer, {"localhost", "127.0.0.1", "::1"});
  const KeyPair worker = Make(Role::kClient, {client});
  Write("ca.pem", authority_.certificate);
  Write("server.pem", server.certificate);
  Write("server.key", server.key);
  Write("client.pem", worker.certificate);
  Write("client.key", worker.key);
  Write("tokens", std::string("tester ") + kTestToken + "\n");
  Write("client.token", std::string(kTestToken) + "\n");
}

void CertificateFiles::Write(const std::string& name, const std::string& text) const {
  GROUTER_CHECK(WriteFileAtomically(FileSystem::Local(), Path(name), text).ok());
}

KeyPair CertificateFiles::Make(Role role, const std::vector<std::string>& names,
                               const Validity& validity) const {
  return Must(MakeCertificate(authority_, role, names, validity));
}

void CertificateFiles::Configure(server::ServerConfig* config) const {
  config->mutable_tls()->set_certificate(Path("server.pem"));
  config->mutable_tls()->set_key(Path("server.key"));
  config->mutable_tls()->set_client_ca(Path("ca.pem"));
  config->set_token_file(Path("tokens"));
}

ClientCredentials CertificateFiles::WithCertificate() const {
  return {Path("ca.pem"), Path("client.pem"), Path("client.key"), ""};
}

ClientCredentials CertificateFiles::WithToken() const {
  return {Path("ca.pem"), "", "", Path("client.token")};
}

}  // namespace testing
}  // namespace grouter
