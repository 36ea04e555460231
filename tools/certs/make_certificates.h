// A private set of certificates and tokens for one cluster, made with OpenSSL.
#ifndef GROUTER_TOOLS_CERTS_MAKE_CERTIFICATES_H_
#define GROUTER_TOOLS_CERTS_MAKE_CERTIFICATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace grouter {

// PEM texts. Keys are ECDSA over P-256 and have no password.
struct KeyPair {
  std::string certificate;
  std::string key;
};

struct Validity {
  int64_t not_before_s = 0;  // Unix time
  int64_t not_after_s = 0;
};

// A certificate authority that signs itself, named `name`.
absl::StatusOr<KeyPair> MakeAuthority(const std::string& name, const Validity& validity);

enum class Role { kServer, kClient };
// A certificate that `authority` signs. `names` are its subject alternative names: IP addresses, URIs (with
// "://") and host names; at least one. INVALID_ARGUMENT for a name that is none of these or an authority that
// is damaged.
absl::StatusOr<KeyPair> MakeCertificate(const KeyPair& authority, Role role,
                                        const std::vector<std::string>& names, const Validity& validity);

// 32 random bytes in base64url, without padding.
absl::StatusOr<std::string> MakeToken();

}  // namespace grouter

#endif  // GROUTER_TOOLS_CERTS_MAKE_CERTIFICATES_H_
