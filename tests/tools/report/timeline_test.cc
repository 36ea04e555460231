#include "tools/report/timeline.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

TimelineEvent Event(uint64_t step, uint32_t rank, const std::string& kind, double begin, double end) {
  TimelineEvent event;
  event.step = step;
  event.rank = rank;
  event.kind = kind;
  event.begin_us = begin;
  event.end_us = end;
  return event;
}

TEST(TimelineTest, EventsAreReadWithTheirOptionalFields) {
  const auto events = ParseTimeline(
      R"([{"step":3,"rank":1,"micro_batch":0,"layer":2,"chunk":1,"kind":"dispatch","begin_us":5,"end_us":7.5},
          {"step":3,"rank":1,"kind":"optimizer","begin_us":8,"end_us":9}])",
      "t");
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->size(), 2);
  EXPECT_EQ((*events)[0].layer, 2);
  EXPECT_EQ((*events)[0].end_us, 7.5);
  EXPECT_EQ((*events)[1].layer, -1);
}

TEST(TimelineTest, BadTimelinesAreRefused) {
  for (const char* bad : {"", "{}", "[1]", "[{\"step\":1}]",
                          "[{\"step\":1,\"rank\":0,\"kind\":\"x\",\"begin_us\":2,\"end_us\":1}]"}) {
    EXPECT_EQ(ParseTimeline(bad, "t").status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TimelineTest, TheMiddleCommonStepIsShownWithWhatRanBesideIt) {
  const std::vector<TimelineEvent> events = {
      Event(0, 0, "compute", 0, 10),    Event(0, 1, "compute", 0, 10),   Event(1, 0, "compute", 100, 120),
      Event(1, 1, "combine", 105, 130), Event(3, 0, "plan", 90, 110),    Event(2, 0, "compute", 200, 210),
      Event(2, 1, "compute", 200, 210), Event(3, 0, "compute", 300, 310)};
  const TimelineWindow window = MiddleStep(events);
  EXPECT_EQ(window.step, 1);
  EXPECT_EQ(window.length_us, 30);
  ASSERT_EQ(window.events.size(), 3);
  EXPECT_EQ(window.events[2].kind, "plan");  // for step 3, cut to the stretch
  EXPECT_EQ(window.events[2].begin_us, 0);
  EXPECT_EQ(window.events[2].end_us, 10);
}

TEST(TimelineTest, AStepBesideWhichAPlanCameIsPreferredAndTheWholeStepIsNoEvent) {
  std::vector<TimelineEvent> events;
  for (uint64_t step = 0; step < 4; ++step) {
    events.push_back(Event(step, 0, "step", 100.0 * step, 100.0 * step + 90));
    events.push_back(Event(step, 0, "compute", 100.0 * step + 10, 100.0 * step + 20));
  }
  EXPECT_EQ(MiddleStep(events).step, 2);
  events.push_back(Event(3, 0, "plan", 130, 140));
  const TimelineWindow window = MiddleStep(events);
  EXPECT_EQ(window.step, 1);
  EXPECT_EQ(window.length_us, 90);
  EXPECT_EQ(window.events.size(), 2);
}

TEST(TimelineTest, AValidationThatNumbersItsStepsAnewDoesNotStretchTheWindow) {
  const TimelineWindow window =
      MiddleStep({Event(1, 0, "step", 100, 190), Event(1, 0, "compute", 110, 120),
                  Event(1, 0, "write_back", 5000, 5010), Event(1, 0, "fetch", 4990, 5000)});
  EXPECT_EQ(window.length_us, 90);
  ASSERT_EQ(window.events.size(), 1);
  EXPECT_EQ(window.events[0].kind, "compute");
}

TEST(TimelineTest, RanksWithoutACommonStepShowNothing) {
  EXPECT_TRUE(MiddleStep({Event(0, 0, "compute", 0, 1), Event(1, 1, "compute", 0, 1)}).events.empty());
  EXPECT_TRUE(MiddleStep({}).events.empty());
}

TEST(TimelineTest, OverlapIsTheShareOfMovingTimeThatAlsoComputed) {
  const std::vector<TimelineEvent> events = {Event(0, 0, "dispatch", 0, 10), Event(0, 0, "dispatch", 5, 20),
                                             Event(0, 0, "compute", 10, 15), Event(0, 0, "attention", 18, 30),
                                             Event(0, 1, "compute", 0, 20)};
  EXPECT_DOUBLE_EQ(OverlappedShare(events, 0), 7.0 / 20);
  EXPECT_EQ(OverlappedShare(events, 1), 0);
}

}  // namespace
}  // namespace grouter
