#include "server/replay/retention.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

constexpr uint64_t kPlenty = 1000;

ReplayQuota Quota(uint64_t max_bytes, uint32_t per_series) { return {max_bytes, per_series}; }

TEST(RetentionTest, NothingGoesWhileThereIsRoom) {
  const std::vector<KeptBatch> kept = {{{"a", 1}, 10, 1, false}, {{"a", 2}, 10, 2, false}};
  const auto evicted = ChooseEvictions(kept, Quota(kPlenty, 3), {"a", 3}, 10, 0);
  ASSERT_TRUE(evicted.ok());
  EXPECT_TRUE(evicted->empty());
}

TEST(RetentionTest, ASeriesKeepsItsNewestBatches) {
  const std::vector<KeptBatch> kept = {
      {{"a", 3}, 10, 1, false}, {{"a", 2}, 10, 9, false}, {{"b", 1}, 10, 0, false}};
  const auto evicted = ChooseEvictions(kept, Quota(kPlenty, 2), {"a", 4}, 10, 0);
  ASSERT_TRUE(evicted.ok());
  EXPECT_EQ(*evicted, (std::vector<ReplayKey>{{"a", 2}}));
}

TEST(RetentionTest, ABatchOlderThanAllThatASeriesKeepsIsRefused) {
  const std::vector<KeptBatch> kept = {{{"a", 3}, 10, 1, false}, {{"a", 4}, 10, 9, false}};
  const auto evicted = ChooseEvictions(kept, Quota(kPlenty, 2), {"a", 1}, 10, 0);
  EXPECT_EQ(evicted.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(evicted.status().message().find("newer"), std::string::npos);
}

TEST(RetentionTest, TheQuotaTakesTheLongestSealedOfAnySeries) {
  const std::vector<KeptBatch> kept = {
      {{"a", 1}, 40, 5, false}, {{"b", 1}, 40, 3, false}, {{"c", 1}, 20, 4, false}};
  const auto evicted = ChooseEvictions(kept, Quota(100, 8), {"d", 1}, 30, 0);
  ASSERT_TRUE(evicted.ok());
  EXPECT_EQ(*evicted, (std::vector<ReplayKey>{{"b", 1}}));
}

TEST(RetentionTest, WhatIsInUseStays) {
  const std::vector<KeptBatch> kept = {{{"a", 1}, 60, 1, true}, {{"a", 2}, 30, 2, false}};
  auto evicted = ChooseEvictions(kept, Quota(100, 2), {"a", 3}, 20, 0);
  ASSERT_TRUE(evicted.ok());
  EXPECT_EQ(*evicted, (std::vector<ReplayKey>{{"a", 2}}));
  evicted = ChooseEvictions(kept, Quota(100, 8), {"b", 1}, 50, 0);
  EXPECT_EQ(evicted.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(RetentionTest, WhatIsPromisedToOpenBatchesCounts) {
  EXPECT_TRUE(ChooseEvictions({}, Quota(100, 8), {"a", 1}, 50, 50).ok());
  EXPECT_FALSE(ChooseEvictions({}, Quota(100, 8), {"a", 1}, 50, 51).ok());
}

TEST(RetentionTest, ASeriesNameIsAlsoAFoldersName) {
  for (const char* good : {"a", "actor_v2-1.3", "A9"}) EXPECT_TRUE(CheckSeriesName(good).ok()) << good;
  const std::string long_name(65, 'a');
  for (const std::string& bad : {std::string(), std::string("."), std::string(".."), std::string(".x"),
                                 std::string("a/b"), std::string("a b"), std::string("a\0b", 3), long_name}) {
    EXPECT_EQ(CheckSeriesName(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace grouter
