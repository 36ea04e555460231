#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/tools/plan/small_plan.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

TEST(PlanReportCommandTest, WritesOnePage) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  PlaceJob(folder);
  const auto report = [&](const std::string& layer_group) {
    return RunInGroup("plan", AddPlanReportCommand,
                      {"report", "--job", folder + "/job.json", "--tables", folder + "/table", "--schedule",
                       folder + "/train.schedule", "--out", folder + "/plan.html", "--max_steps", "3",
                       "--layer_group", layer_group, "--json"});
  };
  EXPECT_EQ(report("1").exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder + "/plan.html"));
  const Outcome outcome = report("0");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["steps"], 3);
  std::ostringstream page;
  page << std::ifstream(folder + "/plan.html").rdbuf();
  EXPECT_THAT(page.str(), HasSubstr("\"coactivation\""));
}

}  // namespace
}  // namespace grouter
