#include "client/credentials.h"

#include <map>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(CredentialsTest, TheEnvironmentFillsWhatWasNotGiven) {
  const std::map<std::string, std::string> environment = {{"GROUTER_TLS_CA", "/e/ca"},
                                                          {"GROUTER_TLS_CERT", "/e/cert"},
                                                          {"GROUTER_TLS_KEY", "/e/key"},
                                                          {"GROUTER_TOKEN_FILE", "/e/token"}};
  const auto get = [&](const char* name) -> const char* {
    const auto it = environment.find(name);
    return it == environment.end() ? nullptr : it->second.c_str();
  };
  ClientCredentials given;
  given.tls_ca = "/flag/ca";
  const ClientCredentials merged = WithEnvironment(given, get);
  EXPECT_EQ(merged.tls_ca, "/flag/ca");
  EXPECT_EQ(merged.tls_cert, "/e/cert");
  EXPECT_EQ(merged.tls_key, "/e/key");
  EXPECT_EQ(merged.token_file, "/e/token");
  EXPECT_TRUE(WithEnvironment({}, [](const char*) -> const char* { return nullptr; }).empty());
}

}  // namespace
}  // namespace grouter
