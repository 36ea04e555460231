#include "server/stats/heartbeat.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

LoopReport Loop(const std::string& name, double busy) {
  LoopReport loop;
  loop.name = name;
  loop.busy_seconds = busy;
  return loop;
}

TEST(HeartbeatTest, ARoundUnderWayGrowsOlderAndWaitingIsNoRound) {
  Heartbeat heartbeat;
  const auto later = Heartbeat::Clock::now() + std::chrono::seconds(60);
  EXPECT_EQ(heartbeat.busy(later).count(), 0);
  {
    const Heartbeat::Round round(&heartbeat);
    EXPECT_GE(heartbeat.busy(later), std::chrono::seconds(50));
    EXPECT_EQ(heartbeat.rounds(), 1u);
    const Heartbeat idle;
    const LoopReport report = ReportOf("loop", {&idle, &heartbeat}, later, 30);
    EXPECT_TRUE(report.stalled());
    EXPECT_EQ(report.rounds, 1u);
  }
  EXPECT_EQ(heartbeat.busy(later).count(), 0);
  EXPECT_FALSE(ReportOf("loop", {&heartbeat}, later, 30).stalled());
}

TEST(HeartbeatTest, AStallIsToldOnceAndItsEndOnce) {
  StallWatch watch;
  EXPECT_TRUE(watch.Look({Loop("a", 1), Loop("b", 0)}).stalled.empty());
  const auto begun = watch.Look({Loop("a", 11), Loop("b", 0)});
  ASSERT_EQ(begun.stalled.size(), 1u);
  EXPECT_EQ(begun.stalled[0].name, "a");
  EXPECT_TRUE(watch.Look({Loop("a", 12), Loop("b", 0)}).stalled.empty());
  EXPECT_EQ(watch.Look({Loop("a", 0), Loop("b", 0)}).recovered, std::vector<std::string>{"a"});
  EXPECT_TRUE(watch.Look({Loop("a", 0), Loop("b", 0)}).recovered.empty());
}

}  // namespace
}  // namespace grouter
