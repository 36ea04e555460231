#include "server/security/principal.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

using Names = std::vector<std::string>;
constexpr char kToken[] = "0123456789abcdef";

absl::StatusOr<Principal> Of(const CallerFacts& facts) {
  return Identify(facts, *TokenTable::Parse(std::string("trainer ") + kToken, "t"), /*owner=*/1000);
}

TEST(PrincipalTest, PlainTcpIsAnonymous) {
  const auto principal = Of({});
  ASSERT_TRUE(principal.ok());
  EXPECT_TRUE(principal->anonymous());
  EXPECT_EQ(principal->display(), "anonymous");
}

TEST(PrincipalTest, ATokenOverPlainTcpIsRefusedEvenAValidOne) {
  CallerFacts facts;
  facts.authorization = std::string("Bearer ") + kToken;
  const auto principal = Of(facts);
  EXPECT_EQ(principal.status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(std::string(principal.status().message()).find(kToken), std::string::npos);
}

TEST(PrincipalTest, AUnixSocketsUserIsAPrincipalAndTheServersOwnIsTheOwner) {
  CallerFacts facts;
  facts.transport = Transport::kUnix;
  EXPECT_EQ(Of(facts).status().code(), absl::StatusCode::kUnauthenticated);
  facts.user = 7;
  EXPECT_EQ(Of(facts)->names, (Names{"uid:7"}));
  facts.user = 1000;
  EXPECT_EQ(Of(facts)->names, (Names{"uid:1000", "owner"}));
}

TEST(PrincipalTest, TlsNeedsACertificateOrAToken) {
  CallerFacts facts;
  facts.transport = Transport::kTls;
  EXPECT_EQ(Of(facts).status().code(), absl::StatusCode::kUnauthenticated);
  facts.certificate_names = {"worker.cluster", "spiffe://cluster/worker"};
  EXPECT_EQ(Of(facts)->names, (Names{"cert:worker.cluster", "cert:spiffe://cluster/worker"}));
  facts.authorization = std::string("bearer ") + kToken;
  EXPECT_EQ(Of(facts)->names,
            (Names{"token:trainer", "cert:worker.cluster", "cert:spiffe://cluster/worker"}));
}

TEST(PrincipalTest, AWrongTokenIsRefusedWhateverElseWasShown) {
  CallerFacts facts;
  facts.transport = Transport::kTls;
  facts.certificate_names = {"worker"};
  for (const std::string wrong : {"Bearer 0123456789abcdeX", "Basic 0123456789abcdef", "Bearer "}) {
    facts.authorization = wrong;
    const auto principal = Of(facts);
    ASSERT_EQ(principal.status().code(), absl::StatusCode::kUnauthenticated) << wrong;
    EXPECT_EQ(std::string(principal.status().message()).find("0123"), std::string::npos);
  }
}

TEST(PrincipalTest, ACertificatesNameThatCouldReadAsAnotherIsLeftOut) {
  CallerFacts facts;
  facts.transport = Transport::kTls;
  facts.certificate_names = {std::string("admin\0.evil", 11), "a\nb", "", "sp ace"};
  EXPECT_EQ(Of(facts).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST(PrincipalTest, ATraceparentNamesItsTraceOrNothing) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736", rest = "-00f067aa0ba902b7-01";
  EXPECT_EQ(TraceIdOf("00-" + trace + rest), trace);
  EXPECT_EQ(TraceIdOf("01-" + trace + rest + "-what.later.versions.add"), trace);
  for (const std::string& wrong :
       {std::string(), trace, "00-" + trace, "ff-" + trace + rest, "00-" + trace + rest + "-more",
        "01-" + trace + rest + "more", "00-" + trace + "-0000000000000000-01",
        "00-" + std::string(32, '0') + rest, "00-" + std::string(32, 'A') + rest, "00_" + trace + rest}) {
    EXPECT_EQ(TraceIdOf(wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace grouter
