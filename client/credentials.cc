#include "client/credentials.h"

namespace grouter {

ClientCredentials WithEnvironment(ClientCredentials given,
                                  const std::function<const char*(const char*)>& get) {
  const auto fill = [&get](const char* name, std::string* value) {
    const char* const found = value->empty() ? get(name) : nullptr;
    if (found != nullptr) *value = found;
  };
  fill("GROUTER_TLS_CA", &given.tls_ca);
  fill("GROUTER_TLS_CERT", &given.tls_cert);
  fill("GROUTER_TLS_KEY", &given.tls_key);
  fill("GROUTER_TOKEN_FILE", &given.token_file);
  return given;
}

}  // namespace grouter
