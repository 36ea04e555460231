#include "trainer/collectives/counting.h"

#include <gtest/gtest.h>

#include "tests/testing/training/ranks.h"
#include "tests/trainer/collectives/conformance.h"

namespace grouter {
namespace testing {
namespace {

CollectiveCounts ignored;

void OnCounted(uint32_t size, const std::function<void(Collectives& world)>& fn) {
  auto ranks = MakeInProcessCollectives(size, std::chrono::milliseconds(500));
  for (auto& rank : ranks) rank = MakeCountingCollectives(std::move(rank), &ignored);
  SpawnRanks(std::move(ranks), fn);
}

INSTANTIATE_TEST_SUITE_P(Counting, CollectivesConformance,
                         ::testing::Values(Implementation{"Counting", OnCounted}),
                         [](const auto& info) { return info.param.name; });

TEST(CountingCollectives, CountsByKindAndLeavesOutWhatStaysAtHome) {
  CollectiveCounts counts;
  auto world = MakeCountingCollectives(std::move(MakeInProcessCollectives(1)[0]), &counts);
  const std::vector<uint32_t> rows = {2};
  std::vector<float> send(2), recv(2);
  RowExchange exchange;
  exchange.row_bytes = sizeof(float);
  exchange.send = send.data();
  exchange.recv = recv.data();
  exchange.send_rows = rows;
  exchange.recv_rows = rows;
  ASSERT_TRUE(world->AllToAll(exchange).ok());
  exchange.kind = ExchangeKind::kCounts;
  ASSERT_TRUE(world->AllToAll(exchange).ok());
  exchange.kind = ExchangeKind::kExperts;
  auto group = world->Subgroup({0}, "self");
  ASSERT_TRUE(group.ok());
  ASSERT_TRUE((*group)->AllToAll(exchange).ok());
  ASSERT_TRUE((*group)->Barrier().ok());
  EXPECT_EQ(counts.row_exchanges, 1u);
  EXPECT_EQ(counts.count_exchanges, 1u);
  EXPECT_EQ(counts.expert_exchanges, 1u);
  EXPECT_EQ(counts.barriers, 1u);
  EXPECT_EQ(counts.row_bytes_sent, 0u);
}

}  // namespace
}  // namespace testing
}  // namespace grouter
