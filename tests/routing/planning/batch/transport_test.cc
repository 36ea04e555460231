#include "routing/planning/batch/transport.h"

#include <functional>
#include <numeric>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

int64_t TotalCost(const std::vector<uint32_t>& place, const std::vector<int64_t>& cost, size_t places) {
  int64_t total = 0;
  for (size_t i = 0; i < place.size(); ++i) total += cost[i * places + place[i]];
  return total;
}

TEST(TransportTest, FindsWhatTryingEverythingFinds) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    const uint32_t items = random.Below(7);
    std::vector<uint32_t> capacity(1 + random.Below(4));
    for (uint32_t i = 0; i < items; ++i) ++capacity[random.Below(capacity.size())];
    if (random.Below(2) == 0) ++capacity[0];
    std::vector<int64_t> cost(items * capacity.size());
    for (int64_t& c : cost) c = static_cast<int64_t>(random.Below(20)) - 10;
    int64_t best = INT64_MAX;
    std::vector<uint32_t> left = capacity, place(items);
    const std::function<void(uint32_t, int64_t)> search = [&](uint32_t item, int64_t so_far) {
      if (item == items) {
        best = std::min(best, so_far);
        return;
      }
      for (uint32_t p = 0; p < capacity.size(); ++p) {
        if (left[p] == 0) continue;
        --left[p];
        search(item + 1, so_far + cost[item * capacity.size() + p]);
        ++left[p];
      }
    };
    search(0, 0);
    const auto solved = SolveTransport(items, cost, capacity);
    EXPECT_EQ(TotalCost(solved, cost, capacity.size()), best);
    std::vector<uint32_t> used(capacity.size(), 0);
    for (uint32_t p : solved) ++used[p];
    for (size_t p = 0; p < used.size(); ++p) EXPECT_LE(used[p], capacity[p]);
  }
}

TEST(TransportTest, NoExchangeOfTwoItemsImprovesALargeOne) {
  Random random(2);
  const uint32_t places = 16, items = 128;
  std::vector<int64_t> cost(items * places);
  for (int64_t& c : cost) c = static_cast<int64_t>(random.Below(100000));
  const auto solved = SolveTransport(items, cost, std::vector<uint32_t>(places, 8));
  for (uint32_t a = 0; a < items; ++a) {
    for (uint32_t b = 0; b < items; ++b) {
      EXPECT_LE(cost[a * places + solved[a]] + cost[b * places + solved[b]],
                cost[a * places + solved[b]] + cost[b * places + solved[a]]);
    }
  }
}

}  // namespace
}  // namespace grouter
