#include "server/security/authorizer.h"

#include <fnmatch.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr char kAnonymous[] = "anonymous";
constexpr char kOwner[] = "owner";

bool Matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

bool MatchesAny(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return Matches(pattern, name); });
}

bool NeedsPrincipal(Right right) { return right == Right::kIngest || right == Right::kAdmin; }

bool Gives(const AccessRule& rule, const Principal& principal, Right right) {
  if (std::find(rule.rights.begin(), rule.rights.end(), right) == rule.rights.end()) return false;
  if (principal.anonymous()) {
    return !NeedsPrincipal(right) &&
           std::find(rule.principals.begin(), rule.principals.end(), kAnonymous) != rule.principals.end();
  }
  return std::any_of(principal.names.begin(), principal.names.end(),
                     [&](const std::string& name) { return MatchesAny(rule.principals, name); });
}

bool IsPrincipalPattern(const std::string& pattern) {
  if (pattern == kAnonymous || pattern == kOwner) return true;
  for (const char* kind : {"cert:", "token:", "uid:"}) {
    if (absl::StartsWith(pattern, kind) && pattern.size() > std::string(kind).size()) return true;
  }
  return false;
}

}  // namespace

const char* NameOf(Right right) {
  switch (right) {
    case Right::kRead:
      return "read";
    case Right::kRegister:
      return "register";
    case Right::kIngest:
      return "ingest";
    case Right::kAdmin:
      return "admin";
  }
  return "";
}

std::vector<std::string> ProblemsOf(const std::vector<AccessRule>& rules) {
  std::vector<std::string> problems;
  for (size_t i = 0; i < rules.size(); ++i) {
    const AccessRule& rule = rules[i];
    const std::string where = absl::StrCat("access[", i, "]");
    if (rule.principals.empty()) problems.push_back(where + ".principals: name at least one");
    if (rule.tables.empty()) problems.push_back(where + ".tables: name at least one glob (\"*\": all)");
    if (rule.rights.empty()) problems.push_back(where + ".rights: name at least one");
    for (const std::string& pattern : rule.principals) {
      if (!IsPrincipalPattern(pattern)) {
        problems.push_back(where + ".principals: cert:GLOB, token:GLOB, uid:GLOB, owner or anonymous");
      }
      if (pattern == kAnonymous && std::any_of(rule.rights.begin(), rule.rights.end(), NeedsPrincipal)) {
        problems.push_back(where + ".rights: ingest and admin need a principal; name one");
      }
    }
  }
  return problems;
}

bool Authorizer::Allows(const Principal& principal, Right right, absl::string_view table) const {
  const std::string name(table);
  return std::any_of(rules_.begin(), rules_.end(), [&](const AccessRule& rule) {
    return Gives(rule, principal, right) && MatchesAny(rule.tables, name);
  });
}

bool Authorizer::AllowsAny(const Principal& principal, Right right) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const AccessRule& rule) { return Gives(rule, principal, right); });
}

absl::Status Authorizer::CheckAny(const Principal& principal, Right right) const {
  if (AllowsAny(principal, right)) return absl::OkStatus();
  if (principal.anonymous()) {
    return Error(absl::StatusCode::kUnauthenticated,
                 absl::StrCat("the right to ", NameOf(right), " needs a principal"), "",
                 "Call over the server's unix socket, or over TLS with a certificate or a token.");
  }
  return Error(absl::StatusCode::kPermissionDenied,
               absl::StrCat("no rule gives ", principal.display(), " the right to ", NameOf(right)), "",
               "Ask for a rule in the server's configuration (access).");
}

absl::Status Authorizer::Check(const Principal& principal, Right right, absl::string_view table) const {
  GROUTER_RETURN_IF_ERROR(CheckAny(principal, right));
  return Allows(principal, right, table) ? absl::OkStatus() : NoSuchTable(table);
}

absl::Status NoSuchTable(absl::string_view named) {
  return Error(absl::StatusCode::kNotFound, "no table of this name or digest that you may use",
               named.substr(0, 64), "Put it under one of the server's roots, or ask for a rule.");
}

}  // namespace grouter
