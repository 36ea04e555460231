// What every PlanSource must do. An implementation joins by naming a way to make one:
//
//   INSTANTIATE_TEST_SUITE_P(Local, PlanSourceTest, ::testing::Values(MakeLocal));
#ifndef GROUTER_TESTS_CONFORMANCE_PLAN_SOURCE_SUITE_H_
#define GROUTER_TESTS_CONFORMANCE_PLAN_SOURCE_SUITE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/plan_source.h"
#include "gtest/gtest.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {

// A source under test with what keeps it going (servers, say), destroyed after it.
struct SourceUnderTest {
  std::vector<std::shared_ptr<void>> keep;
  std::unique_ptr<PlanSource> source;
};

struct SourceKind {
  std::string name;
  std::function<SourceUnderTest(const testing::ServedJob& job, uint32_t rank)> make;
};

class PlanSourceTest : public ::testing::TestWithParam<SourceKind> {};

inline std::string KindName(const ::testing::TestParamInfo<SourceKind>& info) { return info.param.name; }

}  // namespace grouter

#endif  // GROUTER_TESTS_CONFORMANCE_PLAN_SOURCE_SUITE_H_
