#include "routing/network/fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "routing/network/router_network.h"
#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

TEST(GroupExperts, PlacesEveryExpertOnceWithTheRemainderInTheFirstGroups) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    const uint32_t num_experts = 2 + static_cast<uint32_t>(random.Below(40));
    const uint32_t num_groups = 1 + static_cast<uint32_t>(random.Below(num_experts));
    Coactivation coactivation(num_experts);
    for (int token = 0; token < 50; ++token) {
      const uint32_t a = static_cast<uint32_t>(random.Below(num_experts));
      coactivation.Add({a, (a + 1) % num_experts});
    }
    const auto groups = GroupExperts(coactivation, num_groups);
    ASSERT_EQ(groups.size(), num_groups);
    std::set<uint32_t> placed;
    for (uint32_t g = 0; g < num_groups; ++g) {
      EXPECT_EQ(groups[g].size(), num_experts / num_groups + (g < num_experts % num_groups));
      placed.insert(groups[g].begin(), groups[g].end());
    }
    EXPECT_EQ(placed.size(), num_experts);
  }
}

TEST(GroupExperts, PutsTogetherWhatIsActiveTogether) {
  Coactivation coactivation(6);
  for (int i = 0; i < 10; ++i) {
    coactivation.Add({0, 4});
    coactivation.Add({1, 5});
    coactivation.Add({2, 3});
  }
  coactivation.Add({0, 1});
  EXPECT_EQ(GroupExperts(coactivation, 3), (std::vector<std::vector<uint32_t>>{{0, 4}, {1, 5}, {2, 3}}));
  EXPECT_EQ(coactivation.count(4, 0), 10u);
  EXPECT_EQ(coactivation.load(0), 11u);
}

TEST(GroupExperts, AddsByTheSumOverTheWholeGroupAndBreaksTiesById) {
  Coactivation coactivation(4);
  for (int i = 0; i < 3; ++i) coactivation.Add({0, 2});
  for (int i = 0; i < 2; ++i) coactivation.Add({0, 1});
  for (int i = 0; i < 2; ++i) coactivation.Add({2, 3});
  // After {0, 2}: expert 1 has 2 + 0, expert 3 has 0 + 2.
  EXPECT_EQ(GroupExperts(coactivation, 2)[0], (std::vector<uint32_t>{0, 2}));
  coactivation.Add({2, 3});
  const auto one_group = GroupExperts(coactivation, 1)[0];
  EXPECT_EQ(one_group, (std::vector<uint32_t>{0, 2, 3, 1}));
}

TEST(FoldRouter, FoldedScoresAreTheSumsOfTheOldOnes) {
  const std::vector<std::vector<uint32_t>> groups = {{0, 5, 7}, {1, 2, 6}, {4, 3}};
  Router router = SmallRouter();
  router.tensors[kSelectionBias] = {{8}, {1, 2, 3, 4, 5, 6, 7, 8}};
  const auto folded = FoldRouter(router, groups, 2);
  ASSERT_TRUE(folded.ok()) << folded.status();
  EXPECT_EQ(folded->spec.shape.num_experts, 3u);
  EXPECT_EQ(folded->spec.gate.k, 2u);
  EXPECT_EQ(folded->selection_bias()[0], 1 + 6 + 8);
  Random random(2);
  const SampleTokens sample = RandomSample(&random, 30, 50);
  const std::vector<float> before = *RouterNetwork(router).Scores(sample);
  const std::vector<float> after = *RouterNetwork(*folded).Scores(sample);
  ASSERT_EQ(after.size(), 30u * 3);
  for (size_t t = 0; t < 30; ++t) {
    for (size_t g = 0; g < 3; ++g) {
      double sum = 0;
      for (const uint32_t e : groups[g]) sum += before[t * 8 + e];
      EXPECT_NEAR(after[t * 3 + g], sum, 1e-3);
    }
  }
}

TEST(FoldRouter, RefusesGroupsThatLoseOrRepeatAnExpert) {
  const Router router = SmallRouter();
  const std::vector<std::vector<std::vector<uint32_t>>> cases = {{{0, 1, 2, 3}, {4, 5, 6}},
                                                                 {{0, 1, 2, 3}, {4, 5, 6, 6}},
                                                                 {{0, 1, 2, 3}, {4, 5, 6, 8}},
                                                                 {{0, 1, 2, 3, 4, 5, 6, 7}},
                                                                 {{0, 1, 2, 3}, {4, 5, 6, 7}, {}}};
  for (const auto& groups : cases) {
    EXPECT_EQ(FoldRouter(router, groups, 1).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(FoldRouter(router, {{0, 1, 2, 3}, {4, 5, 6, 7}}, 3).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Fold, CountsGroupsFoldsAndMeasuresTheSameEveryTime) {
  const MemorySamples samples = RandomSamples(3, 10, 40, 50);
  FoldOptions options;
  options.num_experts = 3;  // 8 experts: groups of 3, 3, 2
  std::vector<Progress> seen;
  const auto result = Fold(SmallRouter(), samples, options, [&](const Progress& progress) {
    seen.push_back(progress);
    return true;
  });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->metrics.num_tokens, 400u);
  EXPECT_EQ(result->metrics.groups[0].size(), 3u);
  EXPECT_EQ(result->metrics.groups[2].size(), 2u);
  EXPECT_EQ(result->router.spec.gate.k, 3u);
  EXPECT_EQ(seen.back().done, 400u);
  EXPECT_EQ(seen.back().total, 400u);
  const auto history = nlohmann::json::parse(result->router.spec.history.back());
  EXPECT_EQ(history["step"], "fold");
  EXPECT_EQ(history["metrics"]["num_experts_after"], 3);
  const auto again = Fold(SmallRouter(), samples, options);
  EXPECT_EQ(again->metrics.ToJson(), result->metrics.ToJson());
  EXPECT_EQ(again->router.tensors.at(kScoreWeight).values, result->router.tensors.at(kScoreWeight).values);
}

TEST(Fold, RefusesWhatIsNoFoldingAndStopsWhenToldTo) {
  const MemorySamples samples = RandomSamples(3, 4, 20, 50);
  for (const uint32_t num_experts : {0u, 1u, 8u, 9u}) {
    FoldOptions options;
    options.num_experts = num_experts;
    EXPECT_EQ(Fold(SmallRouter(), samples, options).status().code(), absl::StatusCode::kInvalidArgument);
  }
  FoldOptions options;
  options.num_experts = 4;
  const auto cancelled = Fold(SmallRouter(), samples, options, [](const Progress&) { return false; });
  EXPECT_EQ(cancelled.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace grouter
