#include <gmock/gmock.h>

#include "tests/tools/plan/small_plan.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

Outcome ExplainIn(const std::string& folder, std::vector<std::string> more) {
  std::vector<std::string> arguments = {
      "explain",         "--job",      folder + "/job.json",      "--tables",
      folder + "/table", "--schedule", folder + "/train.schedule"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunInGroup("plan", AddPlanExplainCommand, arguments);
}

TEST(PlanExplainCommandTest, WordsForPeopleNumbersForMachines) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  PlaceJob(folder);
  const Outcome people = ExplainIn(folder, {"--steps", "1"});
  ASSERT_EQ(people.exit_code, 0) << people.err;
  EXPECT_THAT(people.out, HasSubstr("Step 1: 4 samples"));
  EXPECT_THAT(people.out, HasSubstr("cost model"));
  const Outcome machine = ExplainIn(folder, {"--steps", "0..4", "--hot", "2", "--json"});
  EXPECT_EQ(machine.json()["samples"], 18);
  EXPECT_EQ(machine.json()["hot_experts"].size(), 2);
  EXPECT_EQ(ExplainIn(folder, {"--steps", "5"}).exit_code, 2);
}

}  // namespace
}  // namespace grouter
