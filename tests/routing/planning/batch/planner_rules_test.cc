#include "routing/planning/batch/planner_rules.h"

#include "gtest/gtest.h"
#include "routing/planning/batch/expert_residency.h"
#include "routing/planning/job.h"

namespace grouter {
namespace {

TEST(PlannerRulesTest, EveryVersionOfThisLibraryHasRulesAndNoneTriesLessThanTheOneBefore) {
  uint32_t before = 1;
  for (uint32_t version = 1; version <= kPlannerVersion; ++version) {
    const PlannerRules rules = PlannerRulesOf(version);
    EXPECT_GE(rules.residency_tries, before);
    EXPECT_LE(rules.residency_tries, kWriteBackReluctances.size());
    before = rules.residency_tries;
  }
}

}  // namespace
}  // namespace grouter
