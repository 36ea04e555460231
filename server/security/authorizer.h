// Who may do what with which table: rules as values, and one function that applies them.
#ifndef GROUTER_SERVER_SECURITY_AUTHORIZER_H_
#define GROUTER_SERVER_SECURITY_AUTHORIZER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/security/principal.h"

namespace grouter {

enum class Right {
  kRead,      // list, describe, plans, statistics
  kRegister,  // register jobs, plan placements
  kIngest,    // send captured routes
  kAdmin,     // load, unload, forget
};
inline constexpr Right kAllRights[] = {Right::kRead, Right::kRegister, Right::kIngest, Right::kAdmin};
const char* NameOf(Right right);

// Gives each principal that matches one of `principals` each of `rights` on each table that matches one of
// `tables`. Patterns are shell globs whose * also matches '/'.
struct AccessRule {
  std::vector<std::string> principals;  // "cert:*.cluster", "token:trainer", "uid:1000", "owner", "anonymous"
  std::vector<std::string> tables;      // of a table's path below its root: "team-a/*"
  std::vector<Right> rights;
};

// What is wrong with the rules, a line each; empty: nothing. A rule may not give "anonymous" ingest or admin.
std::vector<std::string> ProblemsOf(const std::vector<AccessRule>& rules);

// Immutable and thread-safe. What no rule gives is refused.
class Authorizer {
 public:
  explicit Authorizer(std::vector<AccessRule> rules) : rules_(std::move(rules)) {}

  bool Allows(const Principal& principal, Right right, absl::string_view table) const;
  // On some table, whichever.
  bool AllowsAny(const Principal& principal, Right right) const;
  // OK when AllowsAny. UNAUTHENTICATED when a principal could have it; PERMISSION_DENIED. Tells nothing about
  // which tables there are.
  absl::Status CheckAny(const Principal& principal, Right right) const;
  // CheckAny; then NOT_FOUND for a table that is not allowed: the same as for one that does not exist.
  absl::Status Check(const Principal& principal, Right right, absl::string_view table) const;

 private:
  std::vector<AccessRule> rules_;
};

// The one answer for a table that is unknown or not for the caller.
absl::Status NoSuchTable(absl::string_view named);

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_AUTHORIZER_H_
