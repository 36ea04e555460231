#include "server/http/http_caller.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace grouter {
namespace {

constexpr char kToken[] = "0123456789abcdef";

const Gate& TheGate() {
  static const auto* const gate =
      new Gate(*TokenTable::Parse(std::string("grafana ") + kToken + "\nother fedcba9876543210", "t"),
               Authorizer({{{"token:grafana"}, {"a/*"}, {Right::kRead}}}), nullptr);
  return *gate;
}

std::string Basic(const std::string& pair) { return "Basic " + absl::Base64Escape(pair); }

TEST(HttpCallerTest, TakesABearerTokenOrItAsAPasswordOfItsName) {
  for (const std::string& header : {std::string("Bearer ") + kToken, Basic(std::string("grafana:") + kToken),
                                    Basic(std::string(":") + kToken)}) {
    const auto caller = AdmitHttp(TheGate(), header);
    ASSERT_TRUE(caller.ok()) << header << caller.status();
    EXPECT_TRUE(caller->may_read("a/table"));
    EXPECT_FALSE(caller->may_read("b/table"));
  }
}

TEST(HttpCallerTest, EverythingElseIsRefusedWithoutRepeatingIt) {
  for (const std::string& header :
       {std::string(), std::string("Bearer wrong-secret-wrong"), std::string("Basic !!!"), Basic("nocolon"),
        Basic(std::string("root:") + kToken), Basic("grafana:wrong-secret-wrong"),
        std::string(100000, 'x')}) {
    const auto caller = AdmitHttp(TheGate(), header);
    ASSERT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated) << header.substr(0, 50);
    EXPECT_EQ(std::string(caller.status().message()).find("secret"), std::string::npos);
  }
  EXPECT_EQ(AdmitHttp(TheGate(), "Bearer fedcba9876543210").status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace grouter
