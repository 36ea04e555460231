#include <gmock/gmock.h>

#include "tests/tools/steps/small_router.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(FoldCommandTest, MakesARouterForFewerExperts) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  MakeSmallRouter(folder);
  const Outcome outcome =
      RunProgram(AddFoldCommand, WithCorpus(folder, {"fold", "--router", folder + "/router", "--out",
                                                     folder + "/folded", "--experts", "5"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["num_experts_before"], 8);
  EXPECT_EQ(outcome.json()["num_experts_after"], 5);
  const auto router = LoadRouter(folder + "/folded");
  ASSERT_TRUE(router.ok());
  EXPECT_EQ(router->spec.shape.num_experts, 5);
  EXPECT_EQ(router->digest.Hex(), outcome.json()["digest"]);
}

TEST(FoldCommandTest, MoreExpertsThanThereAreIsAWrongInput) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  MakeSmallRouter(folder);
  const Outcome outcome =
      RunProgram(AddFoldCommand, WithCorpus(folder, {"fold", "--router", folder + "/router", "--out",
                                                     folder + "/folded", "--experts", "9"}));
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(folder + "/folded/router.json"));
}

}  // namespace
}  // namespace grouter
