// Every configuration under deploy/configs is what its program reads.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "io/file.h"
#include "routing/planning/topology.h"
#include "server/config/config.h"
#include "tools/pipeline/settings.h"
#include "trainer/config.h"

namespace grouter {
namespace {

std::string Read(const std::string& name) {
  return FileSystem::Local().ReadFile("deploy/configs/" + name).value();
}

TEST(DeployConfigsTest, TheServersIsWhole) {
  const auto config = MergeText(DefaultConfig(), Read("server.textproto"), "server.textproto");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen(0), "0.0.0.0:50051");
  server::ServerConfig here = *config;
  here.set_roots(0, ::testing::TempDir());
  EXPECT_TRUE(ValidateConfig(here).ok()) << ValidateConfig(here);
  EXPECT_FALSE(config->insecure_beyond_loopback());
  EXPECT_NE(config->tls().client_ca(), "");
}

TEST(DeployConfigsTest, TheTrainersIsWhole) {
  const auto config = TrainerConfig::FromJson(Read("trainer.json"), "trainer.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->Validate().ok()) << config->Validate();
}

TEST(DeployConfigsTest, TheTopologyHasNodesOfDifferentSizes) {
  const auto topology = Topology::FromJson(Read("topology.json"), "topology.json");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_TRUE(topology->Validate().ok()) << topology->Validate();
  EXPECT_EQ(topology->world_size(), 12);
}

TEST(DeployConfigsTest, NoConfigurationIsLeftUntested) {
  const auto names = FileSystem::Local().List("deploy/configs");
  ASSERT_TRUE(names.ok());
  const std::set<std::string> known = {"server.textproto", "trainer.json", "topology.json", "demo.json",
                                       "demo_quick.json"};
  for (const std::string& name : *names) EXPECT_TRUE(known.count(name)) << name;
  for (const char* name : {"demo.json", "demo_quick.json"}) EXPECT_TRUE(ParseSettings(Read(name), name).ok());
}

}  // namespace
}  // namespace grouter
