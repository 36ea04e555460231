#include <gmock/gmock.h>

#include "tests/testing/serving/served_job.h"
#include "tests/tools/plan/small_plan.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

class PlanGetCommandTest : public ::testing::Test {
 protected:
  PlanGetCommandTest() : folder_(FreshFolder()) {
    MakeTableAndModel(folder_);
    MakeDraft(folder_);
    PlaceJob(folder_);
  }
  Outcome Get(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"get", "--job", folder_ + "/job.json", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunInGroup("plan", AddPlanGetCommand, arguments);
  }
  std::vector<std::string> Here(const std::string& step, const std::string& rank) {
    return {"--tables",   folder_ + "/table",
            "--schedule", folder_ + "/train.schedule",
            "--step",     step,
            "--rank",     rank,
            "--out",      folder_ + "/plan"};
  }
  std::string folder_;
};

TEST_F(PlanGetCommandTest, OnePlanIsReproducedByteForByte) {
  const Outcome first = Get(Here("1", "0"));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.json()["samples_of_step"], 4);
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/plan"), first.json()["bytes"]);
  EXPECT_EQ(Get(Here("1", "0")).json()["sha256"], first.json()["sha256"]);
  EXPECT_NE(Get(Here("1", "1")).json()["sha256"], first.json()["sha256"]);
}

TEST_F(PlanGetCommandTest, AServersPlanIsThePlanMadeHere) {
  const ServedJob job = MakeServedJob();
  WriteText(folder_ + "/served.json", job.spec.ToJson());
  WriteText(folder_ + "/served.schedule", job.schedule->Encode());
  const auto server = StartServer(job.root);
  const auto get = [&](std::vector<std::string> from) {
    std::vector<std::string> arguments = {"get", "--job", folder_ + "/served.json", "--step", "4", "--rank",
                                          "1",   "--json"};
    arguments.insert(arguments.end(), from.begin(), from.end());
    return RunInGroup("plan", AddPlanGetCommand, arguments);
  };
  const Outcome served = get({"--server", server->addresses()[0]});
  ASSERT_EQ(served.exit_code, 0) << served.err;
  const Outcome here = get({"--tables", job.table_path, "--schedule", folder_ + "/served.schedule"});
  ASSERT_EQ(here.exit_code, 0) << here.err;
  EXPECT_EQ(served.json()["sha256"], here.json()["sha256"]);
}

TEST_F(PlanGetCommandTest, AStepPastTheEndIsAWrongInput) {
  const Outcome outcome = Get(Here("1000", "0"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("step"));
}

TEST_F(PlanGetCommandTest, AServerThatIsNotThereIsNamedWithinTheTimeout) {
  const Outcome outcome = Get({"--server", "127.0.0.1:1", "--server_timeout", "1"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace grouter
