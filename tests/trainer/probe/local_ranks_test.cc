#include "trainer/probe/local_ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace grouter {
namespace {

constexpr std::chrono::seconds kTimeout(20);

TEST(LocalRanksTest, EveryRankRunsAndTheyReachEachOther) {
  std::vector<float> sums(3, 0);
  const absl::Status status = RunOnLocalRanks(3, kTimeout, [&](Collectives& world) -> absl::Status {
    float one = static_cast<float>(world.rank() + 1);
    const absl::Status reduced = world.AllReduceSum(absl::MakeSpan(&one, 1));
    sums[world.rank()] = one;
    return reduced;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(sums, (std::vector<float>{6, 6, 6}));
}

TEST(LocalRanksTest, TheErrorOfARankIsTheErrorOfAll) {
  std::atomic<int> ran{0};
  const absl::Status status = RunOnLocalRanks(2, kTimeout, [&](Collectives& world) -> absl::Status {
    ++ran;
    return world.rank() == 1 ? absl::DataLossError("rank 1 is wrong") : absl::OkStatus();
  });
  EXPECT_EQ(status.message(), "rank 1 is wrong");
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace grouter
