#include "server/security/gate.h"

#include <sstream>

#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace grouter {
namespace {

constexpr char kToken[] = "0123456789abcdef";

// What is logged while it lives.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_, /*force_flush=*/true)));
  }
  ~Log() { spdlog::set_default_logger(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

CallerFacts Tls(const std::string& token) {
  CallerFacts facts;
  facts.transport = Transport::kTls;
  facts.authorization = "Bearer " + token;
  return facts;
}

Authorizer Rules() { return Authorizer({{{"token:ops"}, {"a/*"}, {Right::kRead, Right::kAdmin}}}); }

TEST(GateTest, LetsInWhomSomeRuleGivesTheRight) {
  const Gate gate(*TokenTable::Parse(std::string("ops ") + kToken, "t"), Rules(), nullptr);
  const auto caller = gate.Admit(Tls(kToken), Right::kRead, "GetStats");
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_TRUE(caller->May(Right::kRead)("a/table"));
  EXPECT_FALSE(caller->May(Right::kRead)("b/table"));
  EXPECT_EQ(gate.Admit(Tls(kToken), Right::kIngest, "x").status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(gate.Admit(CallerFacts(), Right::kRead, "x").status().code(), absl::StatusCode::kUnauthenticated);
}

TEST(GateTest, CountsRefusalsByKind) {
  Counters counters;
  const Gate gate(*TokenTable::Parse(std::string("ops ") + kToken, "t"), Rules(), &counters);
  EXPECT_FALSE(gate.Admit(CallerFacts(), Right::kRead, "x").ok());
  EXPECT_FALSE(gate.Admit(Tls(kToken), Right::kRegister, "x").ok());
  EXPECT_EQ(counters.rejects.Read(),
            (std::map<std::string, uint64_t>{{"permission_denied", 1}, {"unauthenticated", 1}}));
}

TEST(GateTest, ReplacingThePolicyHoldsFromThenOn) {
  Gate gate(*TokenTable::Parse(std::string("ops ") + kToken, "t"), Rules(), nullptr);
  gate.Replace(TokenTable(), Rules());
  EXPECT_EQ(gate.Admit(Tls(kToken), Right::kRead, "x").status().code(), absl::StatusCode::kUnauthenticated);
}

TEST(GateTest, EachAdminCallLeavesOneLineWithoutSecrets) {
  const Gate gate(*TokenTable::Parse(std::string("ops ") + kToken, "t"), Rules(), nullptr);
  Log log;
  EXPECT_FALSE(gate.Admit(Tls("a-wrong-token-that-leaks"), Right::kAdmin, "UnloadTable").ok());
  EXPECT_NE(
      log.text().find("event=audit method=UnloadTable principal=anonymous target=- outcome=UNAUTHENTICATED"),
      std::string::npos)
      << log.text();
  EXPECT_EQ(log.text().find("leaks"), std::string::npos);
  const auto caller = gate.Admit(Tls(kToken), Right::kAdmin, "LoadTable");
  ASSERT_TRUE(caller.ok());
  Audit("LoadTable", caller->principal, caller->trace_id, "ab\ncd event=forged", absl::OkStatus());
  EXPECT_NE(log.text().find("method=LoadTable principal=token:ops target=ab?cd?event=forged outcome=OK"),
            std::string::npos)
      << log.text();
}

TEST(GateTest, AnAuditLineNamesTheTraceThatItsCallBelongsTo) {
  const Gate gate(*TokenTable::Parse(std::string("ops ") + kToken, "t"), Rules(), nullptr);
  CallerFacts facts = Tls(kToken);
  facts.trace_id = TraceIdOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  Log log;
  const auto caller = gate.Admit(facts, Right::kAdmin, "LoadTable");
  ASSERT_TRUE(caller.ok());
  Audit("LoadTable", caller->principal, caller->trace_id, "ab", absl::OkStatus());
  EXPECT_NE(log.text().find("outcome=OK trace=4bf92f3577b34da6a3ce929d0e0e4736"), std::string::npos)
      << log.text();
  facts.authorization = "Bearer wrong";
  EXPECT_FALSE(gate.Admit(facts, Right::kAdmin, "UnloadTable").ok());
  EXPECT_NE(log.text().find("outcome=UNAUTHENTICATED trace=4bf92f3577b34da6a3ce929d0e0e4736"),
            std::string::npos)
      << log.text();
}

}  // namespace
}  // namespace grouter
