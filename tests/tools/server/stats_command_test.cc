#include <gmock/gmock.h>

#include "client/server_calls.h"
#include "tests/testing/serving/served_job.h"
#include "tests/tools/command/run_program.h"
#include "tools/server/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;
using ::testing::Not;

class StatsCommandTest : public ::testing::Test {
 protected:
  StatsCommandTest() : job_(MakeServedJob()), server_(StartServer(job_.root)) {
    ServerCallOptions calls;
    calls.servers = server_->addresses();
    EXPECT_TRUE(RegisterJob(calls, job_.spec, "first run").ok());
  }
  Outcome Stats(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"stats", "--server", server_->addresses()[0]};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(AddStatsCommand, arguments);
  }
  const ServedJob job_;
  const std::unique_ptr<Server> server_;
};

TEST_F(StatsCommandTest, PeopleReadJobsAndTables) {
  const Outcome outcome = Stats({});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("first run: 6 steps"));
  EXPECT_THAT(outcome.out, HasSubstr("table " + job_.tables[0]->content_digest().Hex().substr(0, 12)));
}

TEST_F(StatsCommandTest, MachinesReadTheWireNames) {
  const auto json = Stats({"--json"}).json();
  EXPECT_EQ(json["jobs"][0]["label"], "first run");
  EXPECT_EQ(json["jobs"][0]["num_steps"], "6");  // 64-bit numbers are strings in protobuf's JSON
  EXPECT_TRUE(json["server"].contains("uptime_seconds"));
}

TEST_F(StatsCommandTest, WatchingPrintsOneAfterTheOther) {
  const Outcome outcome = Stats({"--json", "--watch", "--interval_ms", "100", "--count", "3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
}

TEST_F(StatsCommandTest, AJobThatIsNotThereIsAWrongInput) {
  const Outcome outcome = Stats({"--job", "0123456789"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("0123456789"));
}

TEST_F(StatsCommandTest, NoServerIsAFailure) {
  const Outcome outcome = RunProgram(AddStatsCommand, {"stats", "--server", "127.0.0.1:1"});
  EXPECT_EQ(outcome.exit_code, 3);
}

}  // namespace
}  // namespace grouter
