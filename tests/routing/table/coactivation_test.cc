#include "routing/table/coactivation.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/tables/random_table.h"

namespace grouter {
namespace {

TEST(Coactivation, BothPathsCountWhatTheRoutesSay) {
  Random random(31);
  for (int round = 0; round < 40; ++round) {
    testing::RandomTableOptions o = testing::RandomShape(&random);
    o.header.num_experts = 2 + static_cast<uint32_t>(random.Below(round % 2 == 0 ? 180 : 400));
    o.header.k = std::min(o.header.num_experts, 1 + static_cast<uint32_t>(random.Below(16)));
    o.lengths = {static_cast<uint32_t>(random.Below(1500)), static_cast<uint32_t>(random.Below(3))};
    const uint32_t experts = o.header.num_experts;
    CoactivationCounter best(experts), portable(experts, CoactivationCounter::Path::kPortable);
    std::vector<uint32_t> best_load(experts), portable_load(experts), load(experts);
    std::vector<uint64_t> pairs(uint64_t{experts} * experts);
    for (uint64_t s = 0; s < 2; ++s) {
      const RouteBuffer buffer = testing::RandomRoutes(o, s, 0);
      const RouteView view = buffer.view();
      EXPECT_EQ(best.Add(view, best_load.data()), -1);
      EXPECT_EQ(portable.Add(view, portable_load.data()), -1);
      for (uint32_t t = 0; t < view.num_tokens; ++t) {
        for (uint32_t i = 0; i < view.NumTopk(t); ++i) {
          ++load[view.Id(t, i)];
          for (uint32_t j = 0; j < view.NumTopk(t); ++j) ++pairs[view.Id(t, i) * experts + view.Id(t, j)];
        }
      }
    }
    EXPECT_EQ(best_load, load);
    EXPECT_EQ(portable_load, load);
    for (uint32_t a = 0; a < experts; ++a) {
      for (uint32_t b = a + 1; b < experts; ++b) {
        ASSERT_EQ(best.count(a, b), pairs[a * experts + b]) << a << " " << b << " of " << experts;
        ASSERT_EQ(portable.count(a, b), pairs[a * experts + b]);
      }
    }
  }
}

TEST(Coactivation, BothPathsFindTheFirstTokenWithAnExpertTwice) {
  testing::RandomTableOptions o;
  o.header.num_experts = 16;
  o.header.k = 4;
  o.lengths = {1000};
  for (uint32_t place : {0u, 63u, 64u, 511u, 512u, 999u}) {
    RouteBuffer buffer = testing::RandomRoutes(o, 0, 0);
    buffer.SetId(place, 3, buffer.view().Id(place, 1));
    for (auto path : {CoactivationCounter::Path::kBest, CoactivationCounter::Path::kPortable}) {
      CoactivationCounter counter(16, path);
      std::vector<uint32_t> load(16);
      EXPECT_EQ(counter.Add(buffer.view(), load.data()), place);
    }
  }
}

}  // namespace
}  // namespace grouter
