#include "server/config/reload.h"

#include "gtest/gtest.h"
#include "server/config/config.h"

namespace grouter {
namespace {

using Names = std::vector<std::string>;

TEST(ReloadTest, SaysWhatHoldsNowAndWhatWaitsForTheNextStart) {
  const server::ServerConfig before = DefaultConfig();
  server::ServerConfig after = before;
  EXPECT_TRUE(CompareConfigs(before, after).now.empty());
  EXPECT_TRUE(CompareConfigs(before, after).at_restart.empty());
  after.set_log_level("debug");
  after.mutable_access(0)->set_tables(0, "a/*");
  after.set_token_file("/t");
  after.set_max_planner_version(1);
  after.add_listen("127.0.0.1:2");
  after.mutable_limits()->set_max_jobs(3);
  const ConfigChanges changes = CompareConfigs(before, after);
  EXPECT_EQ(changes.now, (Names{"log_level", "token_file", "access", "max_planner_version"}));
  EXPECT_EQ(changes.at_restart, (Names{"listen", "limits"}));
}

TEST(ReloadTest, WhatWaitsIsToldAgainAtTheNextReload) {
  const server::ServerConfig before = DefaultConfig();
  server::ServerConfig after = before;
  after.set_token_file("/t");
  after.set_max_planner_version(1);
  after.clear_access();
  after.set_http("127.0.0.1:1");
  const server::ServerConfig taken = TakeReloadable(before, after);
  const ConfigChanges changes = CompareConfigs(taken, after);
  EXPECT_TRUE(changes.now.empty());
  EXPECT_EQ(changes.at_restart, Names{"http"});
  EXPECT_TRUE(CompareConfigs(TakeReloadable(taken, before), before).now.empty());
}

}  // namespace
}  // namespace grouter
