#include "server/config/config.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(ConfigTest, TextReplacesListsAndMergesTheRest) {
  const auto merged =
      MergeText(DefaultConfig(), "roots: '/a' roots: '/b' listen: 'unix:/x' limits { max_jobs: 3 }", "file");
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->roots_size(), 2);
  ASSERT_EQ(merged->listen_size(), 1);
  EXPECT_EQ(merged->limits().max_jobs(), 3u);
  EXPECT_EQ(merged->limits().max_streams(), 16384u);
}

TEST(ConfigTest, MistakesAreNamedWithLineAndColumn) {
  const auto merged = MergeText(DefaultConfig(), "roots: '/a'\nlimits { max_jbos: 3 }", "server.textproto");
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(merged.status().message()).find("server.textproto:2:"), std::string::npos);
}

TEST(ConfigTest, TheEnvironmentWinsOverTheFile) {
  const auto merged = MergeEnvironment(DefaultConfig(), {{"GROUTER_SERVER_ROOT", "/a,/b"},
                                                         {"GROUTER_SERVER_HTTP", "127.0.0.1:9"},
                                                         {"GROUTER_SERVER_LISTEN", ""}});
  EXPECT_EQ(merged.roots_size(), 2);
  EXPECT_EQ(merged.http(), "127.0.0.1:9");
  EXPECT_EQ(merged.listen(0), DefaultConfig().listen(0));
}

TEST(ConfigTest, AllProblemsAreListedAtOnce) {
  server::ServerConfig config = DefaultConfig();
  config.add_roots("/no/such/folder");
  config.mutable_limits()->set_max_jobs(0);
  config.set_max_planner_version(99);
  config.set_log_level("loud");
  const std::string message(ValidateConfig(config).message());
  for (const char* part : {"/no/such/folder", "max_jobs", "log_level", "max_planner_version"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part;
  }
}

TEST(ConfigTest, TlsAndTokensThatLetNobodyInOrTravelOpenlyAreProblems) {
  const auto problem = [](const std::string& text) {
    const auto config = MergeText(DefaultConfig(), "roots: '/' " + text, "file");
    EXPECT_TRUE(config.ok()) << config.status();
    return std::string(ValidateConfig(*config).message());
  };
  EXPECT_EQ(problem("tls { certificate: 'c' key: 'k' client_ca: 'a' }"), "");
  EXPECT_EQ(problem("tls { certificate: 'c' key: 'k' } token_file: 't'"), "");
  EXPECT_NE(problem("tls { certificate: 'c' key: 'k' }").find("nobody could call"), std::string::npos);
  EXPECT_NE(problem("tls { certificate: 'c' client_ca: 'a' }").find("go together"), std::string::npos);
  EXPECT_NE(problem("token_file: 't'").find("over TLS only"), std::string::npos);
  EXPECT_NE(problem("tls { certificate: 'c' key: 'k' require_client_certificate: true } token_file: 't'")
                .find("needs tls.client_ca"),
            std::string::npos);
}

TEST(ConfigTest, RulesReplaceTheDefaultsAndAnonymousNeverAdministers) {
  const auto config = MergeText(
      DefaultConfig(), "roots: '/' access { principals: 'anonymous' tables: '*' rights: READ rights: ADMIN }",
      "file");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(RulesOf(*config).size(), 1u);
  EXPECT_NE(std::string(ValidateConfig(*config).message()).find("access[0]"), std::string::npos);
  const auto none = MergeText(DefaultConfig(), "access { principals: 'owner' tables: '*' }", "file");
  EXPECT_NE(std::string(ValidateConfig(*none).message()).find("access[0].rights"), std::string::npos);
  EXPECT_FALSE(MergeText(DefaultConfig(), "access { rights: WRITE }", "file").ok());
}

TEST(ConfigTest, WhatIsPrintedIsReadBack) {
  server::ServerConfig config = DefaultConfig();
  config.add_roots(::testing::TempDir());
  EXPECT_TRUE(ValidateConfig(config).ok());
  const auto back = MergeText(server::ServerConfig(), PrintConfig(config), "printed");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->SerializeAsString(), config.SerializeAsString());
}

}  // namespace
}  // namespace grouter
