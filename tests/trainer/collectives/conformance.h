// What every implementation of Collectives must do, whatever carries the bytes. Each registers a factory that
// runs a function on N ranks.
#ifndef GROUTER_TESTS_TRAINER_COLLECTIVES_CONFORMANCE_H_
#define GROUTER_TESTS_TRAINER_COLLECTIVES_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "io/random.h"
#include "trainer/collectives/collectives.h"

namespace grouter {
namespace testing {

using OnRanks = std::function<void(uint32_t size, const std::function<void(Collectives& world)>& fn)>;

struct Implementation {
  std::string name;
  OnRanks on_ranks;
  uint32_t most_ranks = UINT32_MAX;  // that this machine can run
};

class CollectivesConformance : public ::testing::TestWithParam<Implementation> {};

#define GROUTER_NEEDS_RANKS(count) \
  if (GetParam().most_ranks < (count)) GTEST_SKIP() << "needs " << (count) << " devices"

// Rows of a seeded exchange: source s sends `rows(s, d)` rows to d; row i holds (s, d, i).
struct SeededRows {
  uint64_t seed;
  uint32_t size;
  uint32_t rows(uint32_t source, uint32_t destination) const {
    Random random(seed, uint64_t{source} * size + destination);
    return static_cast<uint32_t>(random.Below(4) == 0 ? 0 : random.Below(9));
  }
};

struct SeededExchange {
  SeededExchange(const SeededRows& rows, uint32_t me) {
    for (uint32_t r = 0; r < rows.size; ++r) {
      send_rows.push_back(rows.rows(me, r));
      recv_rows.push_back(rows.rows(r, me));
      for (uint32_t i = 0; i < send_rows.back(); ++i)
        send.insert(send.end(), {int32_t(me), int32_t(r), int32_t(i)});
      for (uint32_t i = 0; i < recv_rows.back(); ++i) {
        expected.insert(expected.end(), {int32_t(r), int32_t(me), int32_t(i)});
      }
    }
    recv.assign(expected.size(), -1);
    exchange.row_bytes = 3 * sizeof(int32_t);
    exchange.send = send.data();
    exchange.send_rows = send_rows;
    exchange.recv = recv.data();
    exchange.recv_rows = recv_rows;
  }
  std::vector<int32_t> send, recv, expected;
  std::vector<uint32_t> send_rows, recv_rows;
  RowExchange exchange;
};

TEST_P(CollectivesConformance, RowsOfAnyNumberArriveInRankOrder) {
  for (uint32_t size : {1u, 2u, 3u, 4u}) {
    if (size > GetParam().most_ranks) GTEST_SKIP() << "done for fewer than " << size << " devices";
    GetParam().on_ranks(size, [size](Collectives& world) {
      ASSERT_EQ(world.size(), size);
      for (uint64_t seed = 0; seed < 5; ++seed) {
        SeededExchange rows({seed, size}, world.rank());
        const absl::Status status = world.AllToAll(rows.exchange);
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_EQ(rows.recv, rows.expected);
      }
    });
  }
}

TEST_P(CollectivesConformance, SeveralExchangesAreInFlightAtOnce) {
  GROUTER_NEEDS_RANKS(3u);
  GetParam().on_ranks(3, [](Collectives& world) {
    SeededExchange first({11, 3}, world.rank()), second({12, 3}, world.rank()), third({13, 3}, world.rank());
    auto a = world.StartAllToAll(first.exchange);
    auto b = world.StartAllToAll(second.exchange);
    auto c = world.StartAllToAll(third.exchange);
    ASSERT_TRUE(a.ok() && b.ok() && c.ok());
    EXPECT_TRUE((*c)->Wait().ok());
    EXPECT_TRUE((*a)->Wait().ok());
    EXPECT_TRUE((*b)->Wait().ok());
    EXPECT_EQ(first.recv, first.expected);
    EXPECT_EQ(second.recv, second.expected);
    EXPECT_EQ(third.recv, third.expected);
  });
}

TEST_P(CollectivesConformance, SumsAreTheSameBitsOnEveryRank) {
  GROUTER_NEEDS_RANKS(3u);
  GetParam().on_ranks(3, [](Collectives& world) {
    std::vector<float> values;
    for (int i = 0; i < 1000; ++i) values.push_back(0.1f * static_cast<float>(i) / (1.0f + world.rank()));
    ASSERT_TRUE(world.AllReduceSum(absl::MakeSpan(values)).ok());
    for (int i = 0; i < 1000; ++i) {
      EXPECT_NEAR(values[i], 0.1f * static_cast<float>(i) * (1 + 0.5f + 1 / 3.0f), 1e-3f);
    }
    std::vector<float> of_first = values;
    absl::Span<uint8_t> bytes(reinterpret_cast<uint8_t*>(of_first.data()), of_first.size() * sizeof(float));
    ASSERT_TRUE(world.Broadcast(bytes, 0).ok());
    EXPECT_EQ(values, of_first);
    std::vector<double> doubles = {1.0 + world.rank(), 0.5};
    ASSERT_TRUE(world.AllReduceSum(absl::MakeSpan(doubles)).ok());
    EXPECT_EQ(doubles, (std::vector<double>{6.0, 1.5}));
  });
}

TEST_P(CollectivesConformance, BroadcastGivesTheRootsBytesToAll) {
  GROUTER_NEEDS_RANKS(3u);
  GetParam().on_ranks(3, [](Collectives& world) {
    std::vector<uint8_t> bytes(7, static_cast<uint8_t>(world.rank()));
    ASSERT_TRUE(world.Broadcast(absl::MakeSpan(bytes), 2).ok());
    EXPECT_EQ(bytes, std::vector<uint8_t>(7, 2));
    EXPECT_TRUE(world.Barrier().ok());
  });
}

TEST_P(CollectivesConformance, SubgroupsExchangeAmongThemselves) {
  GROUTER_NEEDS_RANKS(4u);
  GetParam().on_ranks(4, [](Collectives& world) {
    const uint32_t me = world.rank();
    const std::vector<uint32_t> row = me < 2 ? std::vector<uint32_t>{0, 1} : std::vector<uint32_t>{2, 3};
    const std::vector<uint32_t> column =
        me % 2 == 0 ? std::vector<uint32_t>{0, 2} : std::vector<uint32_t>{1, 3};
    auto rows = world.Subgroup(row, "rows");
    auto columns = world.Subgroup(column, "columns");
    ASSERT_TRUE(rows.ok() && columns.ok());
    EXPECT_EQ((*rows)->rank(), me % 2);
    EXPECT_EQ((*columns)->rank(), me / 2);
    std::vector<float> value = {static_cast<float>(me)};
    ASSERT_TRUE((*rows)->AllReduceSum(absl::MakeSpan(value)).ok());
    EXPECT_EQ(value[0], me < 2 ? 1 : 5);
    value = {static_cast<float>(me)};
    ASSERT_TRUE((*columns)->AllReduceSum(absl::MakeSpan(value)).ok());
    EXPECT_EQ(value[0], me % 2 == 0 ? 2 : 4);
    EXPECT_FALSE(world.Subgroup({me == 0 ? 1u : 0u}, "others").ok());
  });
}

TEST_P(CollectivesConformance, ARankThatLeavesIsAnErrorForTheOthers) {
  GROUTER_NEEDS_RANKS(3u);
  GetParam().on_ranks(3, [](Collectives& world) {
    ASSERT_TRUE(world.Barrier().ok());
    if (world.rank() == 2) return;  // gone
    std::vector<float> value = {1};
    const absl::Status status = world.AllReduceSum(absl::MakeSpan(value));
    EXPECT_TRUE(absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) << status;
  });
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TRAINER_COLLECTIVES_CONFORMANCE_H_
