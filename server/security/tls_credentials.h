// gRPC server credentials whose certificates can be replaced while it serves.
#ifndef GROUTER_SERVER_SECURITY_TLS_CREDENTIALS_H_
#define GROUTER_SERVER_SECURITY_TLS_CREDENTIALS_H_

#include <memory>

#include "grpcpp/security/server_credentials.h"
#include "server/security/certificate_store.h"

namespace grouter {

// Must outlive the server. Each handshake uses the store's current set; open connections go on with theirs.
// With a clients' CA a client's certificate is asked for and verified; `require` refuses clients without one.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(std::shared_ptr<const CertificateStore> store,
                                                        bool require_client_certificate);

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_TLS_CREDENTIALS_H_
