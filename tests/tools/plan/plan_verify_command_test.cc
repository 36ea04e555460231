#include <gmock/gmock.h>

#include "tests/testing/serving/served_job.h"
#include "tests/tools/plan/small_plan.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

class PlanVerifyCommandTest : public ::testing::Test {
 protected:
  PlanVerifyCommandTest() : folder_(FreshFolder()) {
    MakeTableAndModel(folder_);
    MakeDraft(folder_);
    PlaceJob(folder_);
  }
  Outcome Verify(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "verify",           "--job",      folder_ + "/job.json",       "--tables",
        folder_ + "/table", "--schedule", folder_ + "/train.schedule", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunInGroup("plan", AddPlanVerifyCommand, arguments);
  }
  std::string folder_;
};

TEST_F(PlanVerifyCommandTest, TheWholeJobHolds) {
  const Outcome outcome = Verify({});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << outcome.out;
  EXPECT_EQ(outcome.json()["samples"], 18);
  EXPECT_EQ(outcome.json()["first_step"], 0);
  EXPECT_EQ(outcome.json()["last_step"], 4);
}

TEST_F(PlanVerifyCommandTest, ARangeOfStepsIsChecked) {
  const Outcome outcome = Verify({"--steps", "2..3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << outcome.out;
  EXPECT_EQ(outcome.json()["samples"], 8);
  EXPECT_EQ(Verify({"--steps", "2..5"}).exit_code, 2);
  EXPECT_EQ(Verify({"--steps", "many"}).exit_code, 2);
}

TEST_F(PlanVerifyCommandTest, WhatAServerSendsIsChecked) {
  const ServedJob job = MakeServedJob();
  WriteText(folder_ + "/job.json", job.spec.ToJson());
  WriteText(folder_ + "/train.schedule", job.schedule->Encode());
  const auto server = StartServer(job.root);
  const Outcome outcome =
      RunInGroup("plan", AddPlanVerifyCommand,
                 {"verify", "--json", "--job", folder_ + "/job.json", "--tables", job.table_path,
                  "--schedule", folder_ + "/train.schedule", "--server", server->addresses()[0]});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << outcome.out;
  EXPECT_EQ(outcome.json()["steps"], 6);
  EXPECT_GT(outcome.json()["transfers"], 0);  // into the second placement epoch
}

TEST_F(PlanVerifyCommandTest, AServerThatIsNotThereIsNamedWithinTheTimeout) {
  const Outcome outcome = Verify({"--server", "127.0.0.1:1", "--server_timeout", "1"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace grouter
