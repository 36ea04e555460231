#include "server/security/principal.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr size_t kMaxName = 1024;

// A name with a NUL or a line break could read as another one further on.
bool IsPlain(const std::string& name) {
  bool plain = !name.empty() && name.size() <= kMaxName;
  for (const char c : name) plain = plain && c > 0x20 && c < 0x7F;
  return plain;
}

absl::Status Unauthenticated(const char* what, const char* fix) {
  return Error(absl::StatusCode::kUnauthenticated, what, "", fix);
}

absl::StatusOr<std::string> TokenName(const std::string& authorization, const TokenTable& tokens) {
  absl::string_view secret = authorization;
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(secret, kScheme)) {
    return Unauthenticated("the authorization header is no bearer token",
                           "Send `authorization: Bearer TOKEN`.");
  }
  secret.remove_prefix(kScheme.size());
  const absl::optional<std::string> name = tokens.NameOf(absl::StripAsciiWhitespace(secret));
  if (!name.has_value())
    return Unauthenticated("the token is not valid here", "Use one of the server's tokens.");
  return absl::StrCat("token:", *name);
}

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string TraceIdOf(absl::string_view traceparent) {
  // version "-" trace "-" parent "-" flags; only versions after 00 may go on behind another dash.
  constexpr size_t kSize = 55;
  if (traceparent.size() < kSize) return "";
  const absl::string_view version = traceparent.substr(0, 2), trace = traceparent.substr(3, 32),
                          parent = traceparent.substr(36, 16), flags = traceparent.substr(53, 2);
  for (const size_t dash : {2, 35, 52}) {
    if (traceparent[dash] != '-') return "";
  }
  for (const absl::string_view part : {version, trace, parent, flags}) {
    if (!IsLowerHex(part)) return "";
  }
  if (version == "ff" || (traceparent.size() > kSize && (version == "00" || traceparent[kSize] != '-'))) {
    return "";
  }
  const auto is_zero = [](absl::string_view id) { return id.find_first_not_of('0') == id.npos; };
  return is_zero(trace) || is_zero(parent) ? "" : std::string(trace);
}

absl::StatusOr<Principal> Identify(const CallerFacts& facts, const TokenTable& tokens, uid_t owner) {
  Principal principal;
  if (facts.transport == Transport::kPlainTcp) {
    if (facts.authorization.empty()) return principal;
    return Unauthenticated("a token came over plain TCP, where others can read it",
                           "Use TLS, and give that token up.");
  }
  if (!facts.authorization.empty()) {
    GROUTER_ASSIGN_OR_RETURN(std::string name, TokenName(facts.authorization, tokens));
    principal.names.push_back(std::move(name));
  }
  if (facts.transport == Transport::kUnix && facts.user.has_value()) {
    principal.names.push_back(absl::StrCat("uid:", *facts.user));
    if (*facts.user == owner) principal.names.push_back("owner");
  }
  if (facts.transport == Transport::kTls) {
    for (const std::string& name : facts.certificate_names) {
      if (IsPlain(name)) principal.names.push_back(absl::StrCat("cert:", name));
    }
  }
  if (!principal.anonymous()) return principal;
  return Unauthenticated("the caller has shown neither a certificate with a name nor a token",
                         "Pass --tls_cert and --tls_key, or --token_file.");
}

}  // namespace grouter
