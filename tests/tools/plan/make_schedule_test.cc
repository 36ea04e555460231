#include "tools/plan/make_schedule.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tests/tools/plan/small_plan.h"
#include "tools/plan/job_files.h"

namespace grouter {
namespace {

using namespace testing;  // NOLINT: this project's testing helpers
using ::testing::HasSubstr;

class MakeScheduleTest : public ::testing::Test {
 protected:
  MakeScheduleTest() : folder_(FreshFolder()), terminal_(out_, err_, false) {
    MakeTableAndModel(folder_);
    MakeDraft(folder_);
    PlaceJob(folder_);
    draft_ = ReadJobDraft(folder_ + "/draft.json").value();
    tables_ = OpenTables(draft_, {folder_ + "/table"}).value();
    request_.place.iterations = 2000;
    request_.refine_iterations = 5;
  }
  absl::StatusOr<MadeSchedule> Make() { return MakeSchedule(draft_, tables_, request_, terminal_); }

  const std::string folder_;
  std::ostringstream out_, err_;
  Terminal terminal_;
  JobDraft draft_;
  Tables tables_;
  ScheduleRequest request_;
};

TEST_F(MakeScheduleTest, SeveralEpochsNeedBytesToMoveAndAreNeverWorse) {
  request_.max_epochs = 3;
  EXPECT_EQ(Make().status().code(), absl::StatusCode::kInvalidArgument);
  request_.move_bytes = 1 << 20;
  const auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(made->epochs.has_value());
  EXPECT_LE(made->epochs->predicted_run_ns, made->epochs->one_epoch_run_ns);
  EXPECT_LE(made->schedule.epochs.size(), 3);
}

TEST_F(MakeScheduleTest, AnUnchangedWorldKeepsEveryExpert) {
  request_.from = folder_ + "/train.schedule";
  for (const char* job : {"", "/job.json"}) {
    request_.from_job = job[0] == '\0' ? "" : folder_ + job;
    const auto made = Make();
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->replanned->num_surviving, 2);
    EXPECT_EQ(made->replanned->num_moves, 0);
    EXPECT_EQ(made->schedule.epochs[0].placement, ReadSchedule(request_.from).value()->epochs[0].placement);
  }
}

TEST_F(MakeScheduleTest, AGrownWorldMovesOnlyWhatTheNewRanksTake) {
  draft_.topology = Topology::Uniform(1, 4);
  draft_.ep_size = 4;
  request_.from = folder_ + "/train.schedule";
  const auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->replanned->num_surviving, 2);
  EXPECT_EQ(made->replanned->num_moves, 4);  // 8 experts on 4 ranks: two each for the new ones
  EXPECT_EQ(made->schedule.draft, draft_.digest());
}

TEST_F(MakeScheduleTest, AJobOfAnotherScheduleIsAWrongInput) {
  request_.from = folder_ + "/train.schedule";
  request_.from_job = folder_ + "/other.json";
  JobSpec other = ReadJobSpec(folder_ + "/job.json").value();
  other.schedule = Sha256("another");
  WriteText(request_.from_job, other.ToJson());
  const absl::Status status = Make().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("other.json"));
}

}  // namespace
}  // namespace grouter
