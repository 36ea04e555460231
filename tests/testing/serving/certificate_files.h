// Certificates in files, right and wrong ones, for tests.
#ifndef GROUTER_TESTS_TESTING_SERVING_CERTIFICATE_FILES_H_
#define GROUTER_TESTS_TESTING_SERVING_CERTIFICATE_FILES_H_

#include <string>
#include <vector>

#include "client/credentials.h"
#include "server/config/config.h"
#include "tools/certs/make_certificates.h"

namespace grouter {
namespace testing {

inline constexpr char kTestToken[] = "0123456789-token-of-a-test";

// Valid from an hour ago for a day, or what `days` says; -1: expired.
Validity ValidFor(int days = 1);

// ca.pem, server.pem, server.key, client.pem, client.key, tokens ("tester") and client.token in a folder. The
// client's certificate names `client`. Dies when it cannot.
class CertificateFiles {
 public:
  explicit CertificateFiles(const std::string& folder, const std::string& client = "worker.test");

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const;
  // A pair by this set's authority, or another's.
  KeyPair Make(Role role, const std::vector<std::string>& names, const Validity& validity = ValidFor()) const;
  const KeyPair& authority() const { return authority_; }

  // Server TLS with client CA and tokens, and what a client of it passes.
  void Configure(server::ServerConfig* config) const;
  ClientCredentials WithCertificate() const;
  ClientCredentials WithToken() const;

 private:
  const std::string folder_;
  KeyPair authority_;
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_SERVING_CERTIFICATE_FILES_H_
