#include "server/net/descriptors.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(DescriptorsTest, RaisesTheSoftLimitToTheHardOne) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max / 2;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto raised = RaiseDescriptorLimit(1, 1);
  ASSERT_TRUE(raised.ok()) << raised.status();
  EXPECT_EQ(*raised, limit.rlim_max);
}

TEST(DescriptorsTest, LimitsThatDoNotFitAreRefused) {
  const auto refused = RaiseDescriptorLimit(uint64_t{1} << 40, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(refused.status().message()).find("max_connections"), std::string::npos);
}

}  // namespace
}  // namespace grouter
