#include "tools/plan/verification.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "routing/planning/plans_of.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

class VerificationTest : public ::testing::Test {
 protected:
  VerificationTest() {
    testing::FakeTableOptions table;
    table.num_samples = 24;
    JobDraft draft;
    draft.topology = Topology::Uniform(1, 2);
    draft.ep_size = 2;
    draft.batch.samples_per_step = 4;
    job_ = testing::MakeJob({table}, draft);
    planner_ = BatchPlanner::Create(job_.spec, job_.const_tables(), job_.schedule).value();
  }
  int Verify(PlansUnderTest plans, bool json) {
    out_.str("");
    Terminal terminal(out_, err_, json);
    return VerifyAndTell(*planner_, job_.const_tables(), std::move(plans), {1, 4}, 20, terminal).value();
  }
  testing::SmallJob job_;
  std::unique_ptr<const BatchPlanner> planner_;
  std::ostringstream out_, err_;
};

TEST_F(VerificationTest, GoodPlansEndWithZeroAndTheirNumbers) {
  EXPECT_EQ(Verify(PlansOf(*planner_), true), 0);
  const auto json = nlohmann::json::parse(out_.str());
  EXPECT_EQ(json["steps"], 4);
  EXPECT_EQ(json["samples"], 16);
  EXPECT_TRUE(json["findings"].empty());
  EXPECT_EQ(Verify(PlansOf(*planner_), false), 0);
  EXPECT_THAT(out_.str(), HasSubstr("every plan of every rank holds"));
}

TEST_F(VerificationTest, AFindingEndsWithOneAndNamesStepRankAndSample) {
  PlansUnderTest bad = PlansOf(*planner_);
  uint64_t sample = UINT64_MAX;
  const auto good = bad.micro_batch;
  bad.micro_batch = [&](uint64_t step, uint32_t rank, uint32_t m) {
    auto plan = good(step == 3 && rank == 1 ? 2 : step, rank, m);  // the samples of step 2 once more
    if (step == 3 && rank == 1) {
      for (const PlannedSample& planned : plan->samples) sample = std::min(sample, planned.sample);
    }
    plan->step = step;
    return plan;
  };
  EXPECT_EQ(Verify(bad, false), 1);
  EXPECT_THAT(out_.str(), HasSubstr("step 3, rank "));
  EXPECT_THAT(out_.str(), HasSubstr("sample " + std::to_string(sample) + " of table 0 comes twice"));
}

}  // namespace
}  // namespace grouter
