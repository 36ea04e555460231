#include <gmock/gmock.h>

#include "tests/tools/command/run_program.h"
#include "tools/steps/commands.h"

namespace grouter {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::RunProgram;
using testing::WriteText;

// A stand-in for the trainer: a shell script that sees arguments and environment.
class TrainCommandTest : public ::testing::Test {
 protected:
  TrainCommandTest() : folder_(FreshFolder()) {}
  Outcome Train(const std::string& script, std::vector<std::string> more = {}) {
    WriteText(folder_ + "/trainer", "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder_ + "/trainer", std::filesystem::perms::owner_all);
    std::vector<std::string> arguments = {
        "train",     "--config",           "c.json",  "--out", folder_ + "/out",
        "--trainer", folder_ + "/trainer", "--ranks", "2",     "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(AddTrainCommand, arguments);
  }
  std::string folder_;
};

TEST_F(TrainCommandTest, EveryRankGetsItsPlaceInTheWorldAndRank0sSummaryIsTheResult) {
  const Outcome outcome =
      Train("echo \"$RANK of $WORLD_SIZE at $MASTER_ADDR:$MASTER_PORT local $LOCAL_RANK\" > " + folder_ +
            "/seen$RANK\nif [ $RANK = 0 ]; then echo '{\"num_steps\":5,\"valid_loss\":3.5}'; fi\n");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["valid_loss"], 3.5);
  EXPECT_EQ(outcome.json()["ranks"], 2);
  std::string port[2];
  for (int rank : {0, 1}) {
    std::ifstream seen(folder_ + "/seen" + std::to_string(rank));
    std::string line;
    std::getline(seen, line);
    EXPECT_THAT(line, HasSubstr(std::to_string(rank) + " of 2 at 127.0.0.1:"));
    EXPECT_THAT(line, HasSubstr("local " + std::to_string(rank)));
    port[rank] = line.substr(line.find(':'), 7);
  }
  EXPECT_EQ(port[0], port[1]);
}

TEST_F(TrainCommandTest, ServersAndResidentExpertsAreHandedOn) {
  const Outcome outcome = Train("echo \"$@\" >&2; echo '{}'",
                                {"--server", "a:1", "b:2", "--resident_experts", "3", "--server_timeout",
                                 "7s", "--tls_ca", "/ca", "--token_file", "/token"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::ifstream log(folder_ + "/out/logs/rank0.log");
  std::string line;
  std::getline(log, line);
  EXPECT_THAT(line, HasSubstr("--config c.json"));
  EXPECT_THAT(line, HasSubstr("--server a:1,b:2"));
  EXPECT_THAT(line, HasSubstr("--resident_experts 3"));
  EXPECT_THAT(line, HasSubstr("--server_timeout 7s"));
  EXPECT_THAT(line, HasSubstr("--tls_ca /ca --token_file /token"));
}

TEST_F(TrainCommandTest, ItResumesFromTheNewestCompleteCheckpointOnly) {
  for (const char* step : {"step_5", "step_20"})
    WriteText(folder_ + "/out/checkpoints/" + step + "/state.json", "{}");
  std::filesystem::create_directories(folder_ + "/out/checkpoints/step_30");
  ASSERT_EQ(Train("echo \"$@\" >&2; echo '{}'", {"--resume"}).exit_code, 0);
  std::ifstream log(folder_ + "/out/logs/rank1.log");
  std::string line;
  std::getline(log, line);
  EXPECT_THAT(line, HasSubstr("--resume " + folder_ + "/out/checkpoints/step_20"));
}

TEST_F(TrainCommandTest, AKilledRankEndsTheRunWithItsNameAndTheEndOfItsLog) {
  const Outcome outcome =
      Train("if [ $RANK = 1 ]; then echo out of memory >&2; kill -9 $$; fi; exec sleep 1000");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("trainer rank 1 was killed by signal 9"));
  EXPECT_THAT(outcome.err, HasSubstr("out of memory"));
}

TEST_F(TrainCommandTest, ARunBeyondItsDeadlineIsEnded) {
  const Outcome outcome = Train("exec sleep 1000", {"--deadline", "0"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("did not end within 0 s"));
}

TEST_F(TrainCommandTest, AMissingTrainerIsNamed) {
  const Outcome outcome = RunProgram(
      AddTrainCommand, {"train", "--config", "c", "--out", folder_ + "/out", "--trainer", "/no/trainer"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("/no/trainer"));
}

}  // namespace
}  // namespace grouter
