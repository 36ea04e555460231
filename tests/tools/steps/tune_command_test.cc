#include <gmock/gmock.h>

#include "tests/tools/steps/small_router.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(TuneCommandTest, MakesTheLoadMoreEvenWithEitherMethod) {
  const std::string folder = FreshFolder();
  MakeSmallCorpus(folder);
  MakeSmallRouter(folder);
  for (const char* method : {"load_balance_loss", "selection_bias"}) {
    const Outcome outcome =
        RunProgram(AddTuneCommand,
                   WithCorpus(folder, {"tune", "--router", folder + "/router", "--out", folder + "/" + method,
                                       "--method", method, "--train_tokens", "40000", "--tokens_per_step",
                                       "1000", "--learning_rate", "0.05", "--bias_rate", "0.5"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_LT(outcome.json()["max_vio_after"], outcome.json()["max_vio_before"]) << method;
    EXPECT_TRUE(LoadRouter(folder + "/" + method).ok());
  }
}

}  // namespace
}  // namespace grouter
