#include <gmock/gmock.h>

#include <sstream>

#include "routing/planning/topology.h"
#include "tests/tools/plan/small_plan.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

TEST(ProbeCommandTest, ALaptopsTopologyServesAJob) {
  const std::string folder = FreshFolder();
  const Outcome outcome =
      RunProgram(AddProbeCommand, {"probe", "--out", folder + "/topology.json", "--local", "2", "--rounds",
                                   "2", "--message_bytes", "65536", "--node", "laptop", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["nodes"][0]["name"], "laptop");
  EXPECT_EQ(outcome.json()["nodes"][0]["num_ranks"], 2);
  std::ostringstream json;
  json << std::ifstream(folder + "/topology.json").rdbuf();
  const auto topology = Topology::FromJson(json.str(), "topology.json");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_GT(topology->nodes[0].scale_up.bytes_per_second, 0);
  EXPECT_GT(topology->nodes[0].flops_per_second, 0);
  EXPECT_GT(topology->nodes[0].memory_bytes, 0);
  MakeTableAndModel(folder);
  EXPECT_EQ(MakeDraft(folder, {"--topology", folder + "/topology.json"}).exit_code, 0);
}

TEST(ProbeCommandTest, ARangeThatMakesNoSenseIsAWrongInput) {
  const std::string folder = FreshFolder();
  const Outcome outcome =
      RunProgram(AddProbeCommand, {"probe", "--out", folder + "/t.json", "--local", "2", "--rounds", "0"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--rounds"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/t.json"));
}

}  // namespace
}  // namespace grouter
