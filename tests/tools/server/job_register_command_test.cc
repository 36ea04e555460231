#include <gmock/gmock.h>

#include "tests/testing/serving/served_job.h"
#include "tests/tools/command/run_program.h"
#include "tools/server/commands.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

TEST(JobRegisterCommandTest, PrintsTheDigestAndNothingElse) {
  const std::string folder = FreshFolder();
  const ServedJob job = MakeServedJob();
  WriteText(folder + "/job.json", job.spec.ToJson());
  const auto server = StartServer(job.root);
  const std::vector<std::string> arguments = {"register", "--job", folder + "/job.json", "--server",
                                              server->addresses()[0]};
  const Outcome people = RunInGroup("job", AddJobRegisterCommand, arguments);
  ASSERT_EQ(people.exit_code, 0) << people.err;
  EXPECT_EQ(people.out, job.spec.digest().Hex() + "\n");
  EXPECT_THAT(people.err, HasSubstr("6 steps for 2 ranks"));
  std::vector<std::string> machine = arguments;
  machine.push_back("--json");
  const auto json = RunInGroup("job", AddJobRegisterCommand, machine).json();
  EXPECT_EQ(json["job_digest"], job.spec.digest().Hex());
  EXPECT_EQ(json["already_registered"], true);
}

TEST(JobRegisterCommandTest, AServerWithoutTheScheduleRefusesTheJob) {
  const std::string folder = FreshFolder();
  const ServedJob job = MakeServedJob();
  JobSpec other = job.spec;
  other.schedule = Sha256("no such schedule");
  WriteText(folder + "/job.json", other.ToJson());
  const auto server = StartServer(job.root);
  const Outcome outcome =
      RunInGroup("job", AddJobRegisterCommand,
                 {"register", "--job", folder + "/job.json", "--server", server->addresses()[0]});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr(other.schedule.ShortHex()));
}

TEST(JobRegisterCommandTest, NoServerIsAFailure) {
  const std::string folder = FreshFolder();
  WriteText(folder + "/job.json", MakeServedJob().spec.ToJson());
  const Outcome outcome = RunInGroup("job", AddJobRegisterCommand,
                                     {"register", "--job", folder + "/job.json", "--server", "127.0.0.1:1"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace grouter
