// Channel credentials from files.
#ifndef GROUTER_CLIENT_STREAM_CHANNEL_CREDENTIALS_H_
#define GROUTER_CLIENT_STREAM_CHANNEL_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "grpcpp/security/credentials.h"
#include "io/file.h"

namespace grouter {

// For a channel to `address`. INVALID_ARGUMENT for credentials that do not go together (a token or a
// certificate without tls_ca) and for files that cannot be read or hold no token; never with their content.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const ClientCredentials& credentials, const std::string& address,
    FileSystem& files = FileSystem::Local());

}  // namespace grouter

#endif  // GROUTER_CLIENT_STREAM_CHANNEL_CREDENTIALS_H_
