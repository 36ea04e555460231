// A server's certificates: PEM texts that were found to hold together.
#ifndef GROUTER_SERVER_SECURITY_CERTIFICATES_H_
#define GROUTER_SERVER_SECURITY_CERTIFICATES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace grouter {

// PEM texts. A value; holds a private key: never logged.
struct CertificateTexts {
  std::string chain;      // the server's certificate, then what leads from it to its CA
  std::string key;        // its private key, without a password
  std::string client_ca;  // empty: no client certificates

  friend bool operator==(const CertificateTexts& a, const CertificateTexts& b) {
    return a.chain == b.chain && a.key == b.key && a.client_ca == b.client_ca;
  }
};

struct CertificateFacts {
  int64_t not_after_s = 0;  // Unix time: when the first of the certificates in use expires
  std::string subject;      // of the server's certificate, for logs
};

// FAILED_PRECONDITION unless, at `now_s` (Unix time), a TLS library takes it: the chain parses and each
// certificate is issued by the next, the key is the first one's, none is expired or not yet valid, it may
// serve, and the clients' CA parses. Messages name the part ("certificate", "key", "client_ca"), never bytes.
absl::StatusOr<CertificateFacts> ValidateCertificates(const CertificateTexts& texts, int64_t now_s);

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_CERTIFICATES_H_
