#include <gmock/gmock.h>

#include "tests/tools/steps/small_router.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(AuditCommandTest, ACausalRouterPassesAndATablesRoutesAreItsRouters) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  MakeSmallRouter(folder);
  Outcome outcome =
      RunProgram(AddAuditCommand, WithCorpus(folder, {"audit", "--router", folder + "/router"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(outcome.json()["changed"], 0);
  ASSERT_EQ(RunProgram(AddRouteCommand, WithCorpus(folder, {"route", "--router", folder + "/router", "--out",
                                                            folder + "/table"}))
                .exit_code,
            0);
  outcome =
      RunProgram(AddAuditCommand,
                 WithCorpus(folder, {"audit", "--router", folder + "/router", "--table", folder + "/table"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_GT(outcome.json()["compared"], 0);
  EXPECT_EQ(outcome.json()["different"], 0);
}

TEST(AuditCommandTest, TheLeakOfARouterThatLooksAheadIsMeasured) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  MakeSmallRouter(folder, Causality::kPackedBidirectional);
  const Outcome outcome =
      RunProgram(AddAuditCommand, WithCorpus(folder, {"audit", "--router", folder + "/router"}));
  EXPECT_GT(outcome.json()["leak"], 0.0) << outcome.out << outcome.err;
}

}  // namespace
}  // namespace grouter
