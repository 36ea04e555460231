#include <gmock/gmock.h>

#include "tests/tools/plan/small_plan.h"
#include "tools/plan/job_files.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers

TEST(PlaceCommandTest, MakesAScheduleAndTheJobThatNamesIt) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  const Outcome outcome = PlaceJob(folder);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto planner = OpenPlanner(folder + "/job.json", {folder + "/table"}, folder + "/train.schedule");
  ASSERT_TRUE(planner.ok()) << planner.status();
  EXPECT_EQ((*planner)->job_digest().Hex(), outcome.json()["job_digest"]);
  EXPECT_LE(outcome.json()["predicted_step_ns"], outcome.json()["contiguous_step_ns"]);
}

TEST(PlaceCommandTest, TrafficBeforeAndAfterIsThatOfTheSameTokens) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder, {"--protocol", "copy_per_expert"});
  const auto traffic = PlaceJob(folder).json()["traffic"];
  const auto sum = [](const nlohmann::json& matrix) {
    uint64_t rows = 0;
    for (const auto& row : matrix) {
      for (const auto& cell : row) rows += cell.get<uint64_t>();
    }
    return rows;
  };
  EXPECT_GT(sum(traffic["before"]), 0);
  EXPECT_EQ(sum(traffic["before"]), sum(traffic["after"]));  // a row per (token, expert), wherever it goes
}

TEST(PlaceCommandTest, EachPolicyHasItsNameAndAnUnknownOneIsRefused) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  const auto place = [&](const std::string& policy) {
    return RunProgram(AddPlaceCommand, {"place", "--job", folder + "/draft.json", "--tables",
                                        folder + "/table", "--out_schedule", folder + "/p.schedule",
                                        "--out_job", folder + "/p.json", "--policy", policy});
  };
  for (const char* policy : {"search", "clusters", "level"}) EXPECT_EQ(place(policy).exit_code, 0) << policy;
  const Outcome unknown = place("luck");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, ::testing::HasSubstr("search, clusters, level or joint"));
}

TEST(PlaceCommandTest, AnEstimateSaysTimeAndBytesAndWritesNothing) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  const Outcome outcome = RunProgram(AddPlaceCommand, {"place", "--estimate", "--job", folder + "/draft.json",
                                                       "--tables", folder + "/table", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_GE(outcome.json()["seconds"], 0);
  EXPECT_GT(outcome.json()["read_bytes"], 0);
  EXPECT_GT(outcome.json()["schedule_bytes"], 0);
  const Outcome nowhere =
      RunProgram(AddPlaceCommand, {"place", "--job", folder + "/draft.json", "--tables", folder + "/table"});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, ::testing::HasSubstr("--out_schedule"));
}

TEST(PlaceCommandTest, AChangedWorldGoesOnFromTheOlderSchedule) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  PlaceJob(folder);
  MakeDraft(folder, {"--nodes", "2"});
  const Outcome outcome = RunProgram(
      AddPlaceCommand, {"place", "--job", folder + "/draft.json", "--tables", folder + "/table", "--from",
                        folder + "/train.schedule", "--from_job", folder + "/job.json", "--out_schedule",
                        folder + "/next.schedule", "--out_job", folder + "/next.json", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["surviving_ranks"], 2);
  EXPECT_EQ(outcome.json()["moved_experts"], 4);
  EXPECT_TRUE(OpenPlanner(folder + "/next.json", {folder + "/table"}, folder + "/next.schedule").ok());
}

TEST(PlaceCommandTest, ATableTheDraftDoesNotNameIsAWrongInput) {
  const std::string folder = FreshFolder();
  MakeTableAndModel(folder);
  MakeDraft(folder);
  RandomTableOptions other;
  other.seed = 9;
  other.lengths = {4};
  MakeRandomTable(other, folder + "/other");
  const Outcome outcome =
      RunProgram(AddPlaceCommand, {"place", "--job", folder + "/draft.json", "--tables", folder + "/other",
                                   "--out_schedule", folder + "/s", "--out_job", folder + "/j"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("--tables"));
}

}  // namespace
}  // namespace grouter
