// What a server trusts, read from the files its configuration names, and what it may show to whom.
#ifndef GROUTER_SERVER_TRUST_H_
#define GROUTER_SERVER_TRUST_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "io/file.h"
#include "server/config/config.h"
#include "server/security/certificate_store.h"
#include "server/security/token_table.h"

namespace grouter {

struct Trust {
  std::shared_ptr<CertificateStore> certificates;  // null: no TLS
  TokenTable tokens;
};

// FAILED_PRECONDITION or INVALID_ARGUMENT (exit code 2) when a file cannot be read or does not hold together.
absl::StatusOr<Trust> LoadTrust(const server::ServerConfig& config, FileSystem& files);
// The tokens alone; none configured: an empty table. INVALID_ARGUMENT.
absl::StatusOr<TokenTable> LoadTokens(const server::ServerConfig& config, FileSystem& files);

// FAILED_PRECONDITION when listening at `address` would show plans or pages to whoever comes: beyond loopback
// gRPC needs TLS, HTTP needs TLS and tokens, or the flag that the error names.
absl::Status CheckGrpcExposure(const server::ServerConfig& config, const std::string& address, bool loopback);
absl::Status CheckHttpExposure(const server::ServerConfig& config, const std::string& address, bool loopback);

}  // namespace grouter

#endif  // GROUTER_SERVER_TRUST_H_
