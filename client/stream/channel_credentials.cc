#include "client/stream/channel_credentials.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;

absl::Status Wrong(const char* what, const char* where, const char* fix) {
  return Error(absl::StatusCode::kInvalidArgument, what, where, fix);
}

absl::StatusOr<std::string> Read(FileSystem& files, const std::string& path, const char* option) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> text = files.ReadFile(path, kMaxFileBytes);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", text.status().message()));
}

bool IsToken(absl::string_view token) {
  bool good = !token.empty();
  for (const char c : token) good = good && absl::ascii_isgraph(c);
  return good;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const ClientCredentials& credentials, const std::string& address, FileSystem& files) {
  if (credentials.empty() || absl::StartsWith(address, "unix:")) return grpc::InsecureChannelCredentials();
  if (credentials.tls_ca.empty()) {
    return Wrong("a token or a certificate goes over TLS only", "tls_ca",
                 "Pass --tls_ca FILE with the CA that signed the server's certificate.");
  }
  if (credentials.tls_cert.empty() != credentials.tls_key.empty()) {
    return Wrong("a certificate and its key go together", "tls_cert, tls_key", "Pass both.");
  }
  grpc::SslCredentialsOptions options;
  GROUTER_ASSIGN_OR_RETURN(options.pem_root_certs, Read(files, credentials.tls_ca, "tls_ca"));
  GROUTER_ASSIGN_OR_RETURN(options.pem_cert_chain, Read(files, credentials.tls_cert, "tls_cert"));
  GROUTER_ASSIGN_OR_RETURN(options.pem_private_key, Read(files, credentials.tls_key, "tls_key"));
  std::shared_ptr<grpc::ChannelCredentials> channel = grpc::SslCredentials(options);
  if (credentials.token_file.empty()) return channel;
  GROUTER_ASSIGN_OR_RETURN(const std::string text, Read(files, credentials.token_file, "token_file"));
  const std::string token(absl::StripAsciiWhitespace(text));
  if (!IsToken(token)) {
    return Wrong("the file does not hold one token alone", "token_file", "Pass the file of one client.");
  }
  return grpc::CompositeChannelCredentials(channel, grpc::AccessTokenCredentials(token));
}

}  // namespace grouter
