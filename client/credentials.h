// What a client shows a server, and how it knows the server.
#ifndef GROUTER_CLIENT_CREDENTIALS_H_
#define GROUTER_CLIENT_CREDENTIALS_H_

#include <functional>
#include <string>

namespace grouter {

// Paths of files; all empty: plain TCP. They are read for each new connection, so a replaced certificate or
// token is used from the next one on. A unix socket needs none: the kernel names the user.
struct ClientCredentials {
  std::string tls_ca;      // PEM, of whoever signs the servers' certificates; given: TLS
  std::string tls_cert;    // PEM chain: what names this client, with tls_key
  std::string tls_key;     // PEM
  std::string token_file;  // a bearer token, alone in its file; goes over TLS only

  bool empty() const { return tls_ca.empty() && tls_cert.empty() && tls_key.empty() && token_file.empty(); }
};

// `given`, what it leaves empty from GROUTER_TLS_CA, GROUTER_TLS_CERT, GROUTER_TLS_KEY and
// GROUTER_TOKEN_FILE. `get` is getenv.
ClientCredentials WithEnvironment(ClientCredentials given,
                                  const std::function<const char*(const char*)>& get);

}  // namespace grouter

#endif  // GROUTER_CLIENT_CREDENTIALS_H_
