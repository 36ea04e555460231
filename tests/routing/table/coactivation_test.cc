#include "routing/table/coactivation.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

TEST(Coactivation, CountsWhatTheRoutesSay) {
  Random random(31);
  for (int round = 0; round < 60; ++round) {
    testing::RandomTableOptions o = testing::RandomShape(&random);
    o.header.num_experts = 2 + static_cast<uint32_t>(random.Below(round % 2 == 0 ? 180 : 400));
    o.header.k = std::min(o.header.num_experts, 1 + static_cast<uint32_t>(random.Below(16)));
    o.lengths = {static_cast<uint32_t>(random.Below(round % 8 == 0 ? 9000 : 1500)),
                 static_cast<uint32_t>(random.Below(3))};
    const uint32_t experts = o.header.num_experts;
    CoactivationCounter counter(experts,
                                round % 3 == 0 ? CoactivationPath::kByToken : CoactivationPath::kBest);
    std::vector<uint32_t> counted_load(experts), load(experts);
    std::vector<uint64_t> pairs(uint64_t{experts} * experts);
    for (uint64_t s = 0; s < 2; ++s) {
      const RouteBuffer buffer = testing::RandomRoutes(o, s, 0);
      const RouteView view = buffer.view();
      EXPECT_EQ(counter.Add(view, counted_load.data()), -1);
      for (uint32_t t = 0; t < view.num_tokens; ++t) {
        for (uint32_t i = 0; i < view.NumTopk(t); ++i) {
          ++load[view.Id(t, i)];
          for (uint32_t j = 0; j < view.NumTopk(t); ++j) ++pairs[view.Id(t, i) * experts + view.Id(t, j)];
        }
      }
    }
    EXPECT_EQ(counted_load, load);
    for (uint32_t a = 0; a < experts; ++a) {
      for (uint32_t b = a + 1; b < experts; ++b) {
        ASSERT_EQ(counter.count(a, b), pairs[a * experts + b]) << a << " " << b << " of " << experts;
      }
    }
  }
}

TEST(Coactivation, FindsTheFirstTokenWithAnExpertTwice) {
  for (uint32_t k : {3u, 4u, 8u}) {
    testing::RandomTableOptions o;
    o.header.num_experts = 16;
    o.header.k = k;
    o.lengths = {1000};
    for (uint32_t place : {0u, 63u, 64u, 511u, 512u, 999u}) {
      RouteBuffer buffer = testing::RandomRoutes(o, 0, 0);
      buffer.SetId(place, 2, buffer.view().Id(place, 1));
      for (CoactivationPath path : {CoactivationPath::kBest, CoactivationPath::kByToken}) {
        CoactivationCounter counter(16, path);
        std::vector<uint32_t> load(16);
        EXPECT_EQ(counter.Add(buffer.view(), load.data()), place);
      }
    }
  }
}

TEST(Coactivation, CountsStayRightPastTheTokensThatTheSmallCountersHold) {
  constexpr uint32_t kTokens = 300'000;
  std::string ids;
  for (uint32_t t = 0; t < kTokens; ++t) ids.append({static_cast<char>(t % 3), 3});
  RouteView routes;
  routes.num_tokens = kTokens;
  routes.k = 2;
  routes.ids = ids;
  for (CoactivationPath path : {CoactivationPath::kBest, CoactivationPath::kByToken}) {
    CoactivationCounter counter(4, path);
    std::vector<uint32_t> load(4);
    for (int round = 0; round < 8; ++round) ASSERT_EQ(counter.Add(routes, load.data()), -1);
    for (uint32_t a = 0; a < 3; ++a) EXPECT_EQ(counter.count(a, 3), 8u * kTokens / 3);
    EXPECT_EQ(counter.count(0, 1), 0u);
    EXPECT_EQ(load[3], 8 * kTokens);
  }
}

}  // namespace
}  // namespace grouter
