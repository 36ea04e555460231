#include "trainer/pipeline/step_events.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace grouter {
namespace {

TEST(StepEventLog, NumbersBeginsAndEndsAsTheyHappened) {
  StepEventLog log;
  const auto outer = log.Begin(EventKind::kDispatch, {1, 0, 2, 0});
  { const ScopedEvent inner(&log, EventKind::kCompute, {1, 0, 2, 1}); }
  log.End(outer);
  const auto events = log.events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_LT(events[0].begin_order, events[1].begin_order);
  EXPECT_LT(events[1].end_order, events[0].end_order);
  EXPECT_LE(events[0].begin_us, events[0].end_us);
}

TEST(StepEventLog, RecordsOnlyTheFirstStepsAndANullLogNothing) {
  StepEventLog log(2);
  { const ScopedEvent event(&log, EventKind::kStep, {1}); }
  { const ScopedEvent event(&log, EventKind::kStep, {2}); }
  { const ScopedEvent event(nullptr, EventKind::kStep, {0}); }
  EXPECT_EQ(log.events().size(), 1u);
}

TEST(StepEventLog, JsonHoldsClosedEventsOnly) {
  StepEventLog log;
  { const ScopedEvent event(&log, EventKind::kAttention, {3, 1, 2, -1, true}); }
  log.Begin(EventKind::kPlan, {4});
  const auto json = nlohmann::json::parse(log.ToJson(7));
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["kind"], "attention");
  EXPECT_EQ(json[0]["step"], 3);
  EXPECT_EQ(json[0]["rank"], 7);
  EXPECT_EQ(json[0]["layer"], 2);
  EXPECT_EQ(json[0]["chunk"], -1);
  EXPECT_EQ(json[0]["backward"], true);
}

TEST(StepEventLog, TakesEventsFromSeveralThreads) {
  StepEventLog log;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&log] {
      for (uint64_t i = 0; i < 100; ++i) const ScopedEvent event(&log, EventKind::kFetch, {i});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log.events().size(), 300u);
}

TEST(EventKindName, IsDifferentForEachKind) {
  std::vector<std::string> names;
  for (int kind = 0; kind <= static_cast<int>(EventKind::kStep); ++kind) {
    names.emplace_back(EventKindName(static_cast<EventKind>(kind)));
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace grouter
