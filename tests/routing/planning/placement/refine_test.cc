#include "routing/planning/placement/refine.h"

#include "gtest/gtest.h"
#include "routing/planning/placement/expert_moves.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

class RefineTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  RefineTest()
      : job_(testing::RandomJob(GetParam())),
        draft_(job_.spec.draft),
        predictor_(draft_, job_.const_tables()),
        group_(EpGroupsOf(draft_.topology, draft_.ep_size)[0]),
        base_(job_.schedule->epochs[0].placement) {
    for (uint32_t g = 0; g < base_.size(); ++g) loads_.push_back(job_.tables[0]->Statistics(g)->load);
    options_.iterations = 30;
    options_.move_bytes = UINT64_MAX;
    options_.seed = GetParam();
    options_.steps = {0};
  }
  Placement Refine() {
    auto refined = RefinePlacement(draft_, predictor_, group_, base_, loads_, options_);
    EXPECT_TRUE(refined.ok()) << refined.status();
    return *std::move(refined);
  }
  uint64_t Above(const Placement& placement) const {
    return LoadAboveCap(placement, loads_, options_.load_cap);
  }
  uint64_t Ns(const Placement& placement) const { return predictor_.MeanStepNs({0}, placement).value(); }

  const testing::SmallJob job_;
  const JobDraft& draft_;
  const StepPredictor predictor_;
  const EpGroup group_;
  const Placement base_;
  GroupLoads loads_;
  RefineOptions options_;
};

TEST_P(RefineTest, IsNeverWorseThanWhatItStartedFromAndMoreIterationsAreNeverWorse) {
  std::pair<uint64_t, uint64_t> before{Above(base_), Ns(base_)};
  for (const uint64_t iterations : {5, 30, 80}) {
    options_.iterations = iterations;
    const Placement refined = Refine();
    const std::pair<uint64_t, uint64_t> now{Above(refined), Ns(refined)};
    EXPECT_LE(now, before);
    before = now;
  }
}

TEST_P(RefineTest, KeepsTheSlotsAndTheByteBudget) {
  for (const uint64_t experts : {0, 2, 5}) {
    options_.move_bytes = experts * std::max<uint64_t>(BytesOfMove(draft_, 0), 1);
    const Placement refined = Refine();
    EXPECT_LE(MovedBytes(draft_, MovesBetween(base_, refined, group_)), options_.move_bytes);
    if (experts == 0) {
      EXPECT_EQ(refined, base_);
    }
    for (size_t g = 0; g < base_.size(); ++g) {
      for (uint32_t r = 0; r < draft_.ep_size; ++r) EXPECT_EQ(refined[g].num_slots(r), base_[g].num_slots(r));
      for (uint32_t e = 0; e < base_[g].num_experts(); ++e) {
        EXPECT_EQ(refined[g].SlotsOf(e).size(), base_[g].SlotsOf(e).size());
      }
    }
  }
}

TEST_P(RefineTest, TheSameArgumentsGiveTheSamePlacement) { EXPECT_EQ(Refine(), Refine()); }

INSTANTIATE_TEST_SUITE_P(RandomJobs, RefineTest, ::testing::Range<uint64_t>(0, 20));

TEST(LoadAboveCapTest, CountsWhatIsAboveAndSharesAReplicatedLoad) {
  const Placement heaped = {LayerPlacement::Make(3, {{0, 1}, {2}}).value()};
  EXPECT_EQ(LoadAboveCap(heaped, {{60, 20, 20}}, 1.0), 30u);
  EXPECT_EQ(LoadAboveCap(heaped, {{60, 20, 20}}, 1.2), 20u);
  EXPECT_EQ(LoadAboveCap(heaped, {{60, 20, 20}}, 1.6), 0u);
  const Placement shared = {LayerPlacement::Make(3, {{0, 1}, {2, 0}}).value()};
  EXPECT_EQ(LoadAboveCap(shared, {{60, 20, 20}}, 1.0), 0u);
}

}  // namespace
}  // namespace grouter
