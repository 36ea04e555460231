#include "routing/planning/batch/traffic_cache.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TrafficCache::Value Empty() { return std::make_shared<MicroBatchTraffic>(); }

TEST(TrafficCacheTest, KeepsTheEntriesUsedLast) {
  TrafficCache cache(0, 2);
  int made = 0;
  const auto make = [&]() -> absl::StatusOr<TrafficCache::Value> {
    ++made;
    return Empty();
  };
  const auto first = cache.Get(1, 0, make).value();
  EXPECT_EQ(cache.Get(1, 0, make).value(), first);
  EXPECT_EQ(made, 1);
  for (uint64_t step = 2; step < 6; ++step) EXPECT_TRUE(cache.Get(step, 0, make).ok());
  EXPECT_EQ(made, 5);
  EXPECT_TRUE(cache.Get(5, 0, make).ok());
  EXPECT_EQ(made, 5);
}

TEST(TrafficCacheTest, ErrorsAreNotKept) {
  TrafficCache cache(1 << 20, 2);
  EXPECT_FALSE(
      cache.Get(1, 0, [] { return absl::StatusOr<TrafficCache::Value>(absl::DataLossError("x")); }).ok());
  EXPECT_TRUE(cache.Get(1, 0, [] { return absl::StatusOr<TrafficCache::Value>(Empty()); }).ok());
}

TEST(TrafficCacheTest, ThreadsThatWantOneEntryShareItsMaking) {
  TrafficCache cache(1 << 20, 4);
  std::atomic<int> made{0};
  std::vector<TrafficCache::Value> got(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < got.size(); ++i) {
    threads.emplace_back([&, i] {
      got[i] = cache
                   .Get(7, 1,
                        [&]() -> absl::StatusOr<TrafficCache::Value> {
                          ++made;
                          return Empty();
                        })
                   .value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  for (const auto& value : got) EXPECT_EQ(value, got[0]);
}

}  // namespace
}  // namespace grouter
