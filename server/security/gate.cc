#include "server/security/gate.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "io/error.h"
#include "server/security/peer_users.h"
#include "spdlog/spdlog.h"

namespace grouter {
namespace {

constexpr char kUnixPeer[] = "unix:";
constexpr size_t kMaxTarget = 64;

std::string Printable(const std::string& text) {
  std::string printable;
  for (const char c : text.substr(0, kMaxTarget)) printable.push_back(c > 0x20 && c < 0x7F ? c : '?');
  return printable;
}

bool IsAudited(Right right) { return right == Right::kAdmin || right == Right::kIngest; }

}  // namespace

CallerFacts FactsOf(const grpc::ServerContextBase& context) {
  CallerFacts facts;
  const std::shared_ptr<const grpc::AuthContext> proof = context.auth_context();
  const auto metadata = context.client_metadata().find("authorization");
  if (metadata != context.client_metadata().end()) {
    facts.authorization.assign(metadata->second.data(), metadata->second.size());
  }
  const auto trace = context.client_metadata().find("traceparent");
  if (trace != context.client_metadata().end()) {
    facts.trace_id = TraceIdOf({trace->second.data(), trace->second.size()});
  }
  if (absl::StartsWith(context.peer(), kUnixPeer)) {
    facts.transport = Transport::kUnix;
    facts.user = PeerUsers::UserOf(*proof);
    return facts;
  }
  for (const grpc::string_ref& type : proof->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME)) {
    if (type == GRPC_SSL_TRANSPORT_SECURITY_TYPE) facts.transport = Transport::kTls;
  }
  if (facts.transport != Transport::kTls) return facts;
  for (const grpc::string_ref& name : proof->FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME)) {
    facts.certificate_names.emplace_back(name.data(), name.size());
  }
  return facts;
}

void Audit(const char* method, const Principal& principal, const std::string& trace_id,
           const std::string& target, const absl::Status& outcome) {
  spdlog::info("event=audit method={} principal={} target={} outcome={}{}{}", method, principal.display(),
               target.empty() ? "-" : Printable(target), absl::StatusCodeToString(outcome.code()),
               trace_id.empty() ? "" : " trace=", trace_id);
}

Gate::Gate(TokenTable tokens, Authorizer rules, Counters* counters) : counters_(counters) {
  Replace(std::move(tokens), std::move(rules));
}

void Gate::Replace(TokenTable tokens, Authorizer rules) {
  auto policy = std::make_shared<const Policy>(
      Policy{std::move(tokens), std::make_shared<const Authorizer>(std::move(rules))});
  MutexLock lock(&mutex_);
  policy_ = std::move(policy);
}

std::shared_ptr<const Gate::Policy> Gate::policy() const {
  MutexLock lock(&mutex_);
  return policy_;
}

absl::StatusOr<Caller> Gate::Admit(const grpc::ServerContextBase& context, Right right,
                                   const char* method) const {
  return Admit(FactsOf(context), right, method);
}

absl::StatusOr<Caller> Gate::Admit(const CallerFacts& facts, Right right, const char* method) const {
  const std::shared_ptr<const Policy> policy = this->policy();
  absl::StatusOr<Principal> principal = Identify(facts, policy->tokens, geteuid());
  absl::Status refused = principal.status();
  if (refused.ok()) refused = policy->rules->CheckAny(*principal, right);
  if (refused.ok()) return Caller{std::move(*principal), policy->rules, facts.trace_id};
  if (counters_ != nullptr) {
    counters_->rejects.Add(absl::IsUnauthenticated(refused) ? "unauthenticated" : "permission_denied");
  }
  if (IsAudited(right)) {
    Audit(method, principal.ok() ? *principal : Principal(), facts.trace_id, "", refused);
  }
  return refused;
}

}  // namespace grouter
