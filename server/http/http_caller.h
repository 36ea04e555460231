// Who an HTTP request is from: a bearer token, or Basic with a token's name and the token, as browsers send
// it.
#ifndef GROUTER_SERVER_HTTP_HTTP_CALLER_H_
#define GROUTER_SERVER_HTTP_HTTP_CALLER_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/http/http_listener.h"
#include "server/security/gate.h"

namespace grouter {

// For a request that came over TLS with this Authorization header. UNAUTHENTICATED, also when the name is not
// the token's; PERMISSION_DENIED without the right to read anything. `gate` outlives the caller.
absl::StatusOr<HttpCaller> AdmitHttp(const Gate& gate, const std::string& authorization);

}  // namespace grouter

#endif  // GROUTER_SERVER_HTTP_HTTP_CALLER_H_
