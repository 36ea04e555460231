#include "routing/planning/placement/balance_replicas.h"

#include <algorithm>
#include <functional>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

// Load of the busiest rank of one layer, copies sharing equally.
double Busiest(const EplbArrays& arrays, uint32_t layer, const std::vector<uint64_t>& load, uint32_t ranks) {
  double busiest = 0;
  const uint32_t per_rank = arrays.num_slots / ranks;
  for (uint32_t r = 0; r < ranks; ++r) {
    double sum = 0;
    for (uint32_t i = 0; i < per_rank; ++i) {
      const int32_t e = arrays.phy2log[size_t{layer} * arrays.num_slots + r * per_rank + i];
      if (e >= 0) {
        const size_t at = size_t{layer} * arrays.num_experts + e;
        sum += static_cast<double>(load[at]) / arrays.logcnt[at];
      }
    }
    busiest = std::max(busiest, sum);
  }
  return busiest;
}

TEST(BalanceReplicasTest, EveryExpertHasACopyAndNoRankHasTwoOfOne) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    ReplicaShape shape;
    shape.num_experts = 1 + random.Below(40);
    shape.num_ranks = 1 + random.Below(24);
    const uint32_t per_rank = (shape.num_experts + shape.num_ranks - 1) / shape.num_ranks + random.Below(4);
    shape.num_slots = per_rank * shape.num_ranks;
    shape.num_nodes = 1 + random.Below(4);
    shape.num_groups = 1 + random.Below(8);
    const uint32_t layers = 1 + random.Below(3);
    std::vector<uint64_t> load(layers * shape.num_experts);
    for (uint64_t& each : load) each = random.Below(3) == 0 ? 0 : random.Below(1000) * random.Below(1000);
    const auto arrays = BalanceReplicas(shape, load);
    ASSERT_TRUE(arrays.ok()) << arrays.status();
    // The reader refuses an expert without a slot and two copies on one rank.
    const auto placement = FromEplbArrays(*arrays, shape.num_ranks);
    ASSERT_TRUE(placement.ok()) << placement.status();
    const EplbArrays again = ToEplbArrays(*placement);
    EXPECT_EQ(again.logcnt, arrays->logcnt);
    EXPECT_EQ(again.log2phy, arrays->log2phy);
    EXPECT_EQ(BalanceReplicas(shape, load)->phy2log, arrays->phy2log);
  }
}

TEST(BalanceReplicasTest, AGroupStaysOnOneNode) {
  Random random(2);
  const ReplicaShape shape = {64, 96, 16, 4, 8};
  std::vector<uint64_t> load(64);
  for (uint64_t& each : load) each = random.Below(1000);
  const EplbArrays arrays = BalanceReplicas(shape, load).value();
  std::vector<std::set<uint32_t>> nodes_of_group(8);
  for (uint32_t slot = 0; slot < 96; ++slot) nodes_of_group[arrays.phy2log[slot] / 8].insert(slot / 24);
  for (const auto& nodes : nodes_of_group) EXPECT_EQ(nodes.size(), 1u);
}

// The lowest busiest rank over all ways to put these copies on ranks.
double Lowest(const std::vector<double>& shares, const std::vector<uint32_t>& expert, uint32_t ranks,
              uint32_t per_rank) {
  double best = 1e300;
  std::vector<double> load(ranks, 0);
  std::vector<std::vector<uint32_t>> held(ranks);
  const std::function<void(size_t)> put = [&](size_t i) {
    const double busiest = *std::max_element(load.begin(), load.end());
    if (busiest >= best) return;
    if (i == shares.size()) {
      best = busiest;
      return;
    }
    for (uint32_t r = 0; r < ranks; ++r) {
      if (held[r].size() == per_rank || std::count(held[r].begin(), held[r].end(), expert[i]) > 0) continue;
      held[r].push_back(expert[i]);
      load[r] += shares[i];
      put(i + 1);
      load[r] -= shares[i];
      held[r].pop_back();
      if (held[r].empty()) break;  // empty ranks are alike
    }
  };
  put(0);
  return best;
}

TEST(BalanceReplicasTest, IsNearTheBestOfAllWaysToPlaceItsCopies) {
  Random random(3);
  double ours = 0, best = 0;
  for (int round = 0; round < 60; ++round) {
    const uint32_t ranks = 2 + random.Below(2), experts = 4 + random.Below(3);
    const uint32_t per_rank = (experts + ranks - 1) / ranks + random.Below(2);
    const ReplicaShape shape = {experts, ranks * per_rank, ranks, 1, 1};
    std::vector<uint64_t> load(experts);
    for (uint64_t& each : load) each = 1 + random.Below(100);
    const EplbArrays arrays = BalanceReplicas(shape, load).value();
    std::vector<double> shares;
    std::vector<uint32_t> expert;
    for (uint32_t e = 0; e < experts; ++e) {
      for (int32_t i = 0; i < arrays.logcnt[e]; ++i) {
        shares.push_back(static_cast<double>(load[e]) / arrays.logcnt[e]);
        expert.push_back(e);
      }
    }
    const double lowest = Lowest(shares, expert, ranks, per_rank);
    EXPECT_GE(Busiest(arrays, 0, load, ranks), lowest * 0.999);
    ours += Busiest(arrays, 0, load, ranks);
    best += lowest;
  }
  EXPECT_LE(ours, best * 1.03);
}

TEST(BalanceReplicasTest, AmongEqualLoadsPerCopyTheLowerIdGetsTheSlot) {
  // A fifth of expert 8's load is expert 3's: with the slot at expert 8, the busiest rank is busier than
  // EPLB's.
  const std::vector<uint64_t> load = {16129,   8403,  166666, 200000, 9259,  22222, 500000, 10638,
                                      1000000, 13888, 20000,  250000, 33333, 26315, 23809,  8130};
  const auto arrays = BalanceReplicas({16, 24, 8, 1, 1}, load);
  ASSERT_TRUE(arrays.ok());
  EXPECT_LE(Busiest(*arrays, 0, load, 8), 500000 / 3.0 + 166666 + 8130 + 1e-6);
}

TEST(BalanceReplicasTest, AHotExpertGetsTheSpareSlots) {
  const EplbArrays arrays = BalanceReplicas({4, 6, 3, 1, 1}, {{100, 1, 1, 1}}).value();
  EXPECT_EQ(arrays.logcnt, (std::vector<int32_t>{3, 1, 1, 1}));
}

TEST(BalanceReplicasTest, ALayerWithoutLoadIsPlacedWithoutReplicas) {
  const EplbArrays arrays = BalanceReplicas({4, 6, 2, 1, 1}, std::vector<uint64_t>(4, 0)).value();
  EXPECT_EQ(arrays.logcnt, (std::vector<int32_t>{1, 1, 1, 1}));
  EXPECT_TRUE(FromEplbArrays(arrays, 2).ok());
}

TEST(BalanceReplicasTest, NamesEveryProblemOfAShapeAtOnce) {
  const auto arrays = BalanceReplicas({8, 4, 0, 1, 1}, {{1, 2, 3}});
  EXPECT_EQ(arrays.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"no ranks", "4 slots for 8 experts", "3 loads"}) {
    EXPECT_NE(arrays.status().message().find(part), absl::string_view::npos) << arrays.status();
  }
}

}  // namespace
}  // namespace grouter
