// Who calls: decided from what a connection proved, by a pure function.
#ifndef GROUTER_SERVER_SECURITY_PRINCIPAL_H_
#define GROUTER_SERVER_SECURITY_PRINCIPAL_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/security/token_table.h"

namespace grouter {

// The names that rules may give rights to. The first is the one people see.
struct Principal {
  // "token:NAME", "cert:SUBJECT_ALTERNATIVE_NAME", "uid:NUMBER", "owner" (the user the server runs as).
  // Empty: nobody proved anything.
  std::vector<std::string> names;

  bool anonymous() const { return names.empty(); }
  std::string display() const { return anonymous() ? "anonymous" : names.front(); }
};

enum class Transport { kPlainTcp, kUnix, kTls };

// What is known of a caller before anything is believed.
struct CallerFacts {
  Transport transport = Transport::kPlainTcp;
  absl::optional<uid_t> user;                  // of a unix socket's peer, as the kernel says
  std::vector<std::string> certificate_names;  // subject alternative names of a verified client certificate
  std::string authorization;                   // the header's value; empty: none
  std::string trace_id;                        // of the trace that the call belongs to; empty: none
};

// The trace's name in a `traceparent` header, 32 lower-case hexadecimal digits (W3C Trace Context, section
// 3.2); empty where the header is not one.
std::string TraceIdOf(absl::string_view traceparent);

// UNAUTHENTICATED for a token that came over plain TCP, that nobody has, or that is no bearer token, and for
// TLS without certificate and token. A caller on plain TCP is anonymous. Messages repeat nothing of a token.
// Names that are not printable ASCII are left out. `owner` is the user the server runs as.
absl::StatusOr<Principal> Identify(const CallerFacts& facts, const TokenTable& tokens, uid_t owner);

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_PRINCIPAL_H_
