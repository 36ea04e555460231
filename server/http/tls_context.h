// An OpenSSL context that serves with whatever certificates are current.
#ifndef GROUTER_SERVER_HTTP_TLS_CONTEXT_H_
#define GROUTER_SERVER_HTTP_TLS_CONTEXT_H_

#include <openssl/ssl.h>

#include <memory>

#include "server/security/certificate_store.h"

namespace grouter {

// TLS 1.2 or newer; each handshake takes the store's current set. The context keeps the store. False when
// OpenSSL refuses.
bool PrepareTlsContext(SSL_CTX* context, std::shared_ptr<const CertificateStore> certificates);

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_TLS_CONTEXT_H_
