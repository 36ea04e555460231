#include "server/http/http_caller.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr absl::string_view kBasic = "basic ";
constexpr size_t kMaxHeader = 8192;

absl::Status NotThis() {
  return Error(absl::StatusCode::kUnauthenticated, "this page needs a token", "",
               "Send it as a bearer token, or as a password with its name as the user.");
}

}  // namespace

absl::StatusOr<HttpCaller> AdmitHttp(const Gate& gate, const std::string& authorization) {
  CallerFacts facts;
  facts.transport = Transport::kTls;
  facts.authorization = authorization;
  std::string user;
  if (authorization.empty() || authorization.size() > kMaxHeader) return NotThis();
  if (absl::StartsWithIgnoreCase(authorization, kBasic)) {
    std::string pair;
    if (!absl::Base64Unescape(authorization.substr(kBasic.size()), &pair)) return NotThis();
    const size_t colon = pair.find(':');
    if (colon == std::string::npos) return NotThis();
    user = pair.substr(0, colon);
    facts.authorization = absl::StrCat("Bearer ", pair.substr(colon + 1));
  }
  GROUTER_ASSIGN_OR_RETURN(const Caller caller, gate.Admit(facts, Right::kRead, "http"));
  if (!user.empty() && caller.principal.display() != absl::StrCat("token:", user)) return NotThis();
  return HttpCaller{caller.May(Right::kRead)};
}

}  // namespace grouter
