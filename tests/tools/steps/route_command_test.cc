#include <gmock/gmock.h>

#include "routing/table/routing_table.h"
#include "tests/tools/steps/small_router.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

class RouteCommandTest : public ::testing::Test {
 protected:
  RouteCommandTest() : folder_(FreshFolder()) {
    MakeSmallCorpus(folder_);
    MakeSmallRouter(folder_);
  }
  Outcome Route(const std::string& out, const std::string& weights = "f32") {
    return RunProgram(AddRouteCommand, WithCorpus(folder_, {"route", "--router", folder_ + "/router", "--out",
                                                            folder_ + "/" + out, "--weights", weights}));
  }
  std::string folder_;
};

TEST_F(RouteCommandTest, WritesACausalTableOfEverySample) {
  const Outcome outcome = Route("table");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto table = RoutingTable::Open(folder_ + "/table").value();
  EXPECT_EQ(table->header().causality, Causality::kCausal);
  EXPECT_EQ(table->header().k, 2);
  EXPECT_EQ(table->num_tokens(), outcome.json()["num_tokens"]);
  EXPECT_EQ(table->content_digest().Hex(), outcome.json()["table"]);
}

TEST_F(RouteCommandTest, TheWeightTypeIsAChoiceAndAnotherTable) {
  const Outcome f32 = Route("a"), bf16 = Route("b", "bf16");
  EXPECT_EQ(RoutingTable::Open(folder_ + "/b").value()->header().weight_type, WeightType::kBFloat16);
  EXPECT_NE(f32.json()["table"], bf16.json()["table"]);
}

TEST_F(RouteCommandTest, ASecondRunKeepsWhatIsThere) {
  ASSERT_EQ(Route("table").exit_code, 0);
  const Outcome again = Route("table");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.json()["num_tokens_routed"], 0);
}

}  // namespace
}  // namespace grouter
