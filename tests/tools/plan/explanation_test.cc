#include "tools/plan/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "routing/planning/placement/place_experts.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

class ExplanationTest : public ::testing::Test {
 protected:
  ExplanationTest() {
    testing::FakeTableOptions table;
    table.num_samples = 32;
    table.shortest = table.longest = 32;
    JobDraft draft;
    draft.topology = Topology::Uniform(2, 2);
    draft.ep_size = 4;
    draft.batch.samples_per_step = 8;
    draft.protocol = DispatchProtocol::kCopyPerExpert;
    draft.model.layer_group_of_layer = {0, 0};
    draft.model.num_slots_per_rank = 5;
    job_ = testing::MakeJob({table}, draft);
    PlaceOptions options;
    options.iterations = 20000;
    schedule_ = std::make_shared<PlacementSchedule>(
        PlaceExperts(job_.spec.draft, job_.const_tables(), options).value());
    job_.spec.schedule = schedule_->digest();
    planner_ = BatchPlanner::Create(job_.spec, job_.const_tables(), schedule_).value();
  }
  Explanation ExplainSteps(const std::vector<uint64_t>& steps) {
    auto made = Explain(*planner_, job_.const_tables(), steps, 3);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  testing::SmallJob job_;
  std::shared_ptr<const PlacementSchedule> schedule_;
  std::unique_ptr<const BatchPlanner> planner_;
};

TEST_F(ExplanationTest, BothWaysRunTheSameTokens) {
  const Explanation e = ExplainSteps({0, 1, 2, 3});
  EXPECT_EQ(e.num_samples, 32);
  EXPECT_EQ(e.num_tokens, 32 * 32);
  const uint64_t pairs = 32 * 32 * 4 * 2;  // samples x tokens x k x layers
  for (const WayToRun* way : {&e.in_order, &e.planned}) {
    uint64_t rows = 0;
    for (const auto& from : way->rows) rows += std::accumulate(from.begin(), from.end(), uint64_t{0});
    EXPECT_EQ(rows, pairs);  // copy_per_expert: a row a pair
    EXPECT_EQ(std::accumulate(way->rank_pairs.begin(), way->rank_pairs.end(), uint64_t{0}), pairs);
  }
  EXPECT_LT(e.planned.cost.total_ns(), e.in_order.cost.total_ns());
  EXPECT_GT(e.num_samples_elsewhere, 0);
  EXPECT_LE(e.num_samples_elsewhere, e.num_samples);
}

TEST_F(ExplanationTest, HotExpertsComeWithTheRanksThatHoldThem) {
  const Explanation e = ExplainSteps({0, 1, 2, 3});
  ASSERT_EQ(e.hot.size(), 3);
  EXPECT_GE(e.hot[0].num_tokens, e.hot[1].num_tokens);
  EXPECT_GT(e.hot[0].of_mean, 1);
  const auto slots = schedule_->epochs[0].placement[0].SlotsOf(e.hot[0].expert);
  ASSERT_EQ(e.hot[0].ranks.size(), slots.size());
  EXPECT_EQ(e.hot[0].ranks[0], slots[0].rank);
  EXPECT_EQ(e.num_replicas, 4);  // 20 slots for 16 experts
}

TEST_F(ExplanationTest, WordsAndNumbersAgree) {
  const Explanation e = ExplainSteps({2});
  const std::string text = ExplanationText(e, job_.spec.draft);
  for (const char* part : {"Step 2: 8 samples", "4 ranks of 2 node(s)", "Hot experts", "4 further copies",
                           "as planned", "in order", "gain"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  const auto json = nlohmann::json::parse(ExplanationJson(e));
  EXPECT_EQ(json["samples"], 8);
  EXPECT_EQ(json["planned"]["predicted_ns"], e.planned.cost.total_ns());
  EXPECT_EQ(json["hot_experts"].size(), 3);
}

TEST_F(ExplanationTest, AJobThatIsDealtInOrderAlreadyGainsNothing) {
  JobSpec spec = job_.spec;
  spec.draft.batch.assignment = AssignmentPolicy::kInOrder;
  spec.draft.model.num_slots_per_rank = 0;
  PlacementSchedule schedule;
  schedule.draft = spec.draft.digest();
  schedule.epochs.resize(1);
  schedule.epochs[0].placement = {LayerPlacement::Contiguous(16, 4)};
  spec.schedule = schedule.digest();
  const auto planner =
      BatchPlanner::Create(spec, job_.const_tables(), std::make_shared<PlacementSchedule>(schedule));
  const auto e = Explain(**planner, job_.const_tables(), {0}, 3);
  ASSERT_TRUE(e.ok()) << e.status();
  EXPECT_EQ(e->num_samples_elsewhere, 0);
  EXPECT_EQ(e->num_placed_elsewhere, 0);
  EXPECT_EQ(e->planned.rows, e->in_order.rows);
  EXPECT_THAT(ExplanationText(*e, spec.draft), HasSubstr("gains nothing"));
}

}  // namespace
}  // namespace grouter
