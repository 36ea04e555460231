#include "trainer/collectives/in_process.h"

#include <gtest/gtest.h>

#include "tests/testing/training/ranks.h"
#include "tests/trainer/collectives/conformance.h"

namespace grouter {
namespace testing {
namespace {

void OnThreads(uint32_t size, const std::function<void(Collectives& world)>& fn) {
  SpawnRanks(size, fn, std::chrono::milliseconds(500));
}

INSTANTIATE_TEST_SUITE_P(InProcess, CollectivesConformance,
                         ::testing::Values(Implementation{"InProcess", OnThreads}),
                         [](const auto& info) { return info.param.name; });

TEST(InProcessCollectives, RowsOfAnotherNumberThanExpectedAreAnError) {
  SpawnRanks(2, [](Collectives& world) {
    const std::vector<uint32_t> one = {1, 1}, two = {1, 2};
    std::vector<float> send(4, 0), recv(4, 0);
    RowExchange exchange;
    exchange.row_bytes = sizeof(float);
    exchange.send = send.data();
    exchange.send_rows = world.rank() == 0 ? two : one;
    exchange.recv = recv.data();
    exchange.recv_rows = one;
    const absl::Status status = world.AllToAll(exchange);
    EXPECT_EQ(status.ok(), world.rank() == 0) << status;
    if (world.rank() == 1) {
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    }
  });
}

TEST(InProcessCollectives, ReductionsAddInRankOrder) {
  SpawnRanks(3, [](Collectives& world) {
    std::vector<float> value = {world.rank() == 0 ? 1e8f : world.rank() == 1 ? -1e8f : 1.0f};
    ASSERT_TRUE(world.AllReduceSum(absl::MakeSpan(value)).ok());
    EXPECT_EQ(value[0], 1.0f);
  });
}

}  // namespace
}  // namespace testing
}  // namespace grouter
