// Where calls are let in: who calls, what the rules say, and what the administrator's log shows.
#ifndef GROUTER_SERVER_SECURITY_GATE_H_
#define GROUTER_SERVER_SECURITY_GATE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "io/mutex.h"
#include "server/security/authorizer.h"
#include "server/security/principal.h"
#include "server/security/token_table.h"
#include "server/stats/counters.h"

namespace grouter {

// A caller who was let in, and the rules at that moment. A value.
struct Caller {
  Principal principal;
  std::shared_ptr<const Authorizer> rules;
  std::string trace_id;  // as CallerFacts has it

  bool Allows(Right right, absl::string_view table) const { return rules->Allows(principal, right, table); }
  // The same as a function of the table's path below its root.
  std::function<bool(absl::string_view)> May(Right right) const {
    return [caller = *this, right](absl::string_view table) { return caller.Allows(right, table); };
  }
};

// What there is to be known of a call's client.
CallerFacts FactsOf(const grpc::ServerContextBase& context);

// One audit line, at level info, for a call that needs the right to ingest or administer: method, principal,
// target (a digest or a name as the caller gave it, at most 64 printable characters), outcome, and the trace
// where the call belongs to one.
void Audit(const char* method, const Principal& principal, const std::string& trace_id,
           const std::string& target, const absl::Status& outcome);

// Thread-safe. Every handler of our own services asks it first; the built-in health and reflection services
// do not, and are open to whoever gets a connection.
class Gate {
 public:
  // `counters` outlives this; may be null.
  Gate(TokenTable tokens, Authorizer rules, Counters* counters);

  // Who calls, and that some rule gives them `right` on something. What they may use is then asked of the
  // caller, table by table. Refusals are counted; those of ingest and admin leave an audit line.
  absl::StatusOr<Caller> Admit(const grpc::ServerContextBase& context, Right right, const char* method) const;
  absl::StatusOr<Caller> Admit(const CallerFacts& facts, Right right, const char* method) const;

  // From now on. Calls that are open go on.
  void Replace(TokenTable tokens, Authorizer rules);

 private:
  struct Policy {
    TokenTable tokens;
    std::shared_ptr<const Authorizer> rules;
  };
  std::shared_ptr<const Policy> policy() const;

  Counters* const counters_;
  mutable Mutex mutex_;
  std::shared_ptr<const Policy> policy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace grouter

#endif  // GROUTER_SERVER_SECURITY_GATE_H_
