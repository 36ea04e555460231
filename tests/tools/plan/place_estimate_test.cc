#include "tools/plan/place_estimate.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tests/testing/small_job.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

class PlaceEstimateTest : public ::testing::Test {
 protected:
  PlaceEstimateTest() : terminal_(out_, err_, false) {
    testing::FakeTableOptions table;
    JobDraft draft;
    draft.topology = Topology::Uniform(1, 2);
    draft.ep_size = 2;
    draft.batch.samples_per_step = 4;
    job_ = testing::MakeJob({table}, draft);
  }
  // Every search takes as long as this clock says: one second more each time it is asked.
  PlaceEstimate Estimate() {
    int calls = 0;
    auto estimate = EstimatePlacement(job_.spec.draft, job_.const_tables(), request_, terminal_, [&calls] {
      // begin 0, end 1 | begin 1, end 3 | begin 3, end 6 ...
      ++calls;
      const int n = calls / 2;
      return std::chrono::steady_clock::time_point(std::chrono::seconds(n * (n + 1) / 2));
    });
    EXPECT_TRUE(estimate.ok()) << estimate.status();
    return *estimate;
  }
  std::ostringstream out_, err_;
  Terminal terminal_;
  testing::SmallJob job_;
  ScheduleRequest request_;
};

TEST_F(PlaceEstimateTest, TimeGoesOnInAStraightLine) {
  request_.place.iterations = 20000 + 40000 * 10;
  EXPECT_NEAR(Estimate().seconds, 1 + 10, 1e-6);  // 1 s, and 1 s for 40,000 iterations more
}

TEST_F(PlaceEstimateTest, ASmallBudgetIsMeasuredItself) {
  request_.place.iterations = 10000;
  EXPECT_NEAR(Estimate().seconds, 1, 1e-6);
}

TEST_F(PlaceEstimateTest, EpochsAddTimeScheduleAndMoves) {
  request_.place.iterations = 10000;
  const PlaceEstimate one = Estimate();
  EXPECT_GT(one.read_bytes, 0);
  EXPECT_GT(one.memory_bytes, 0);
  EXPECT_GT(one.schedule_bytes, 0);
  EXPECT_EQ(one.move_bytes, 0);
  request_.max_epochs = 4;
  request_.move_bytes = 1000;
  const PlaceEstimate several = Estimate();
  EXPECT_GT(several.seconds, one.seconds);
  EXPECT_GE(several.schedule_bytes, 4 * one.schedule_bytes / 2);
  EXPECT_EQ(several.move_bytes, 3000);
  EXPECT_THAT(EstimateText(several), HasSubstr("move between the ranks"));
}

}  // namespace
}  // namespace grouter
