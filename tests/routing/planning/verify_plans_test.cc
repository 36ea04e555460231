#include "routing/planning/verify_plans.h"

#include "gtest/gtest.h"
#include "routing/planning/plans_of.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

class VerifyPlansTest : public ::testing::Test {
 protected:
  VerifyPlansTest() {
    testing::FakeTableOptions table;
    table.num_samples = 20;
    JobDraft draft;
    draft.topology = Topology::Uniform(2, 2);
    draft.ep_size = 4;
    draft.batch.samples_per_step = 6;
    draft.batch.num_steps = 12;
    job_ = testing::MakeJob({table}, draft, /*replicas=*/1);
    planner_ = BatchPlanner::Create(job_.spec, job_.const_tables(), job_.schedule).value();
    plans_ = PlansOf(*planner_);
  }
  VerifyReport Verify(uint64_t first, uint64_t last) {
    return VerifyPlans(job_.spec, job_.const_tables(), *job_.schedule, plans_, first, last).value();
  }
  testing::SmallJob job_;
  std::unique_ptr<const BatchPlanner> planner_;
  PlansUnderTest plans_;
};

TEST_F(VerifyPlansTest, AGoodJobHasNoFindingsFromAnyStepOn) {
  for (uint64_t first = 0; first < 12; ++first) {
    const VerifyReport report = Verify(first, 11);
    EXPECT_TRUE(report.findings.empty()) << report.findings[0];
    EXPECT_EQ(report.num_samples, (12 - first) * 6);
    EXPECT_GT(report.num_transfers, 0u);
  }
}

TEST_F(VerifyPlansTest, FindsASampleThatComesTwice) {
  const auto good = plans_;
  plans_.micro_batch = [=](uint64_t step, uint32_t rank, uint32_t m) {
    auto plan = good.micro_batch(step == 1 ? 0 : step, rank, m);
    if (plan.ok()) plan->step = step;
    return plan;
  };
  bool found = false;
  for (const std::string& finding : Verify(0, 2).findings) {
    found = found || finding.find("comes twice") != std::string::npos;
  }
  EXPECT_TRUE(found);
}

TEST_F(VerifyPlansTest, FindsAStepPartThatNamesAnotherSampleList) {
  const auto good = plans_;
  plans_.step_part = [=](uint64_t step, uint32_t rank) {
    auto part = good.step_part(step, rank);
    part->sample_list_digest = Sha256("another list");
    return part;
  };
  const VerifyReport report = Verify(0, 0);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_NE(report.findings[0].find("digest"), std::string::npos) << report.findings[0];
}

TEST_F(VerifyPlansTest, FindsRowsThatOneRankSendsAndAnotherDoesNotExpect) {
  const auto good = plans_;
  plans_.micro_batch = [=](uint64_t step, uint32_t rank, uint32_t m) {
    auto plan = good.micro_batch(step, rank, m);
    ChunkPlan& chunk = plan->layer_groups[0].chunks[0];
    // Rank 2 expects a row less, and its own check cannot know.
    if (rank == 2 && chunk.recv_splits[0] > 1) {
      chunk.recv_splits[0] -= 1;
      chunk.peak_bytes -= 2 * 8 * 4;
    }
    return plan;
  };
  const VerifyReport report = Verify(0, 0);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_NE(report.findings[0].find("expects"), std::string::npos) << report.findings[0];
}

TEST_F(VerifyPlansTest, FindsTransfersInDifferentOrders) {
  const auto good = plans_;
  plans_.step_part = [=](uint64_t step, uint32_t rank) {
    auto part = good.step_part(step, rank);
    if (rank == 0) std::reverse(part->transfers.begin(), part->transfers.end());
    return part;
  };
  const VerifyReport report = Verify(0, 0);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_NE(report.findings[0].find("transfers"), std::string::npos) << report.findings[0];
}

TEST_F(VerifyPlansTest, RefusesAnEmptyRangeAndStopsAfterEnoughFindings) {
  EXPECT_FALSE(VerifyPlans(job_.spec, job_.const_tables(), *job_.schedule, plans_, 3, 2).ok());
  plans_.micro_batch = [this](uint64_t step, uint32_t rank, uint32_t m) {
    auto plan = planner_->PlanMicroBatch(step, rank, m);
    plan->certificate.crc32c ^= 1;
    return plan;
  };
  EXPECT_EQ(VerifyPlans(job_.spec, job_.const_tables(), *job_.schedule, plans_, 0, 11, 5)->findings.size(),
            5u);
}

}  // namespace
}  // namespace grouter
