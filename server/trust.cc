#include "server/trust.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

absl::Status Exposed(const char* what, const std::string& address, const char* instead) {
  return Error(absl::StatusCode::kFailedPrecondition, absl::StrCat(what, " beyond the loopback interface"),
               address,
               absl::StrCat(instead,
                            ", listen on 127.0.0.1, or pass --insecure_beyond_loopback on a network "
                            "that is yours alone."));
}

}  // namespace

absl::StatusOr<TokenTable> LoadTokens(const server::ServerConfig& config, FileSystem& files) {
  if (config.token_file().empty()) return TokenTable();
  const absl::StatusOr<std::string> text = files.ReadFile(config.token_file(), kMaxTokenFileBytes);
  // A wrong path is a wrong configuration, whatever the disk says.
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("token_file: ", text.status().message()));
  }
  return TokenTable::Parse(*text, config.token_file());
}

absl::StatusOr<Trust> LoadTrust(const server::ServerConfig& config, FileSystem& files) {
  Trust trust;
  GROUTER_ASSIGN_OR_RETURN(trust.tokens, LoadTokens(config, files));
  if (config.tls().certificate().empty()) return trust;
  GROUTER_ASSIGN_OR_RETURN(
      trust.certificates,
      CertificateStore::Open({config.tls().certificate(), config.tls().key(), config.tls().client_ca()},
                             files));
  return trust;
}

absl::Status CheckGrpcExposure(const server::ServerConfig& config, const std::string& address,
                               bool loopback) {
  if (loopback || config.insecure_beyond_loopback() || !config.tls().certificate().empty()) {
    return absl::OkStatus();
  }
  return Exposed("plain TCP", address,
                 "Pass --tls_cert, --tls_key and --tls_client_ca (`grouter certs init` makes them)");
}

absl::Status CheckHttpExposure(const server::ServerConfig& config, const std::string& address,
                               bool loopback) {
  const bool guarded = !config.tls().certificate().empty() && !config.token_file().empty();
  if (loopback || config.insecure_beyond_loopback() || guarded) return absl::OkStatus();
  return Exposed("HTTP without TLS and tokens", address,
                 "Pass --tls_cert, --tls_key and --token_file (`grouter certs init` makes them)");
}

}  // namespace grouter
