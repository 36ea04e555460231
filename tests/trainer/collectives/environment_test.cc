#include "trainer/collectives/environment.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace grouter {
namespace {

absl::StatusOr<RankEnvironment> Read(const std::map<std::string, std::string>& variables) {
  return ReadRankEnvironment([&variables](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(RankEnvironment, NothingSetMeansOneRankAlone) {
  const auto environment = Read({});
  ASSERT_TRUE(environment.ok());
  EXPECT_EQ(environment->world_size, 1u);
  EXPECT_EQ(environment->rank, 0u);
}

TEST(RankEnvironment, TorchrunSlurmAndOpenMpiSayTheSame) {
  const std::map<std::string, std::string> launchers[] = {
      {{"RANK", "3"},
       {"WORLD_SIZE", "4"},
       {"LOCAL_RANK", "1"},
       {"MASTER_ADDR", "head"},
       {"MASTER_PORT", "1234"}},
      {{"SLURM_PROCID", "3"},
       {"SLURM_NTASKS", "4"},
       {"SLURM_LOCALID", "1"},
       {"MASTER_ADDR", "head"},
       {"MASTER_PORT", "1234"}},
      {{"OMPI_COMM_WORLD_RANK", "3"},
       {"OMPI_COMM_WORLD_SIZE", "4"},
       {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
       {"MASTER_ADDR", "head"},
       {"MASTER_PORT", "1234"}},
  };
  for (const auto& variables : launchers) {
    const auto environment = Read(variables);
    ASSERT_TRUE(environment.ok()) << environment.status();
    EXPECT_EQ(environment->rank, 3u);
    EXPECT_EQ(environment->world_size, 4u);
    EXPECT_EQ(environment->local_rank, 1u);
    EXPECT_EQ(environment->master_address, "head");
    EXPECT_EQ(environment->master_port, 1234);
    EXPECT_FALSE(environment->launcher_serves_store);
  }
}

TEST(RankEnvironment, TorchrunsAgentMayServeTheStore) {
  const auto environment = Read({{"RANK", "0"},
                                 {"WORLD_SIZE", "2"},
                                 {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                 {"TORCHELASTIC_RESTART_COUNT", "2"}});
  ASSERT_TRUE(environment.ok());
  EXPECT_TRUE(environment->launcher_serves_store);
  EXPECT_EQ(environment->restart, 2u);
}

TEST(RankEnvironment, BadValuesNameTheirVariable) {
  const struct {
    std::map<std::string, std::string> variables;
    const char* name;
  } cases[] = {
      {{{"RANK", "x"}, {"WORLD_SIZE", "2"}}, "RANK"},
      {{{"RANK", "0"}}, "WORLD_SIZE"},
      {{{"WORLD_SIZE", "2"}}, "RANK"},
      {{{"RANK", "2"}, {"WORLD_SIZE", "2"}}, "RANK"},
      {{{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}, "MASTER_PORT"},
      {{{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "-1"}}, "LOCAL_RANK"},
  };
  for (const auto& bad : cases) {
    const auto environment = Read(bad.variables);
    ASSERT_TRUE(absl::IsInvalidArgument(environment.status()));
    EXPECT_NE(environment.status().message().find(bad.name), std::string::npos) << environment.status();
  }
}

}  // namespace
}  // namespace grouter
