#include <gmock/gmock.h>

#include "tests/tools/steps/small_router.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(ExpandCommandTest, MakesARouterForMoreExperts) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  MakeSmallRouter(folder);
  const Outcome outcome =
      RunProgram(AddExpandCommand, WithCorpus(folder, {"expand", "--router", folder + "/router", "--out",
                                                       folder + "/more", "--experts", "11"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(LoadRouter(folder + "/more").value().spec.shape.num_experts, 11);
}

}  // namespace
}  // namespace grouter
