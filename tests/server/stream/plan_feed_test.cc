#include "server/stream/plan_feed.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class PlanFeedTest : public ::testing::Test {
 protected:
  PlanFeedTest() {
    job_->digest = served_.spec.digest();
    job_->planner = served_.Planner();
    job_->tables = served_.tables;
  }
  ~PlanFeedTest() override { workers_.Stop(); }
  std::shared_ptr<PlanFeed> Feed(PartCursor cursor, PlanFeedOptions options = {}) {
    return std::make_shared<PlanFeed>(job_, cursor, options, &cache_, [this] {
      MutexLock lock(&mutex_);
      arrived_ = true;
      changed_.SignalAll();
    });
  }
  // The next message, having waited for its part.
  PlanFeed::Outcome Next(PlanFeed* feed, uint64_t credit) {
    while (true) {
      PlanFeed::Outcome outcome = feed->Next(credit);
      if (outcome.message.has_value() || outcome.done || outcome.needs_credit || !outcome.error.ok())
        return outcome;
      MutexLock lock(&mutex_);
      while (!arrived_) changed_.Wait(&mutex_);
      arrived_ = false;
    }
  }
  static void Append(grpc::ByteBuffer message, std::string* payload) {
    std::string place;
    EXPECT_TRUE(ReadFrames(&message, [&](const FrameHeader& header) -> absl::StatusOr<char*> {
                  payload->append(place);
                  place.assign(header.data_bytes, 0);
                  return &place[0];
                }).ok());
    payload->append(place);
  }

  const testing::ServedJob served_ = testing::MakeServedJob();
  std::shared_ptr<Job> job_ = std::make_shared<Job>();
  WorkerPool workers_{2};
  PlanCache cache_{1 << 20, &workers_};
  Mutex mutex_;
  CondVar changed_;
  bool arrived_ = false;
};

TEST_F(PlanFeedTest, AnyCreditGivesTheSameBytes) {
  const auto oracle = served_.Local(0);
  std::string expected;
  for (uint64_t step = 0; step < 6; ++step) {
    expected += testing::StepBytes(oracle.get(), step);
    for (uint32_t m = 0; m < 2; ++m) expected += testing::MicroBatchBytes(oracle.get(), step, m);
  }
  Random random(5);
  for (int round = 0; round < 20; ++round) {
    const auto feed = Feed(PartCursor(0, 0, 6, 2, true, true));
    std::string payload;
    while (true) {
      const uint64_t credit = random.Below(5000);
      PlanFeed::Outcome outcome = Next(feed.get(), credit);
      ASSERT_TRUE(outcome.error.ok()) << outcome.error;
      EXPECT_LE(outcome.payload_bytes, credit);
      if (outcome.message.has_value()) Append(*outcome.message, &payload);
      if (outcome.done) break;
    }
    EXPECT_EQ(payload, expected);
  }
}

TEST_F(PlanFeedTest, SmallPartsShareAMessage) {
  const auto feed = Feed(PartCursor(0, 0, 6, 2, true, true));
  int messages = 0;
  bool done = false;
  // With everything cached all six steps fit into one message.
  for (int pass = 0; pass < 2; ++pass) {
    const auto warm = Feed(PartCursor(0, 0, 6, 2, true, true));
    messages = 0;
    done = false;
    while (!done) {
      const PlanFeed::Outcome outcome = Next(warm.get(), UINT64_MAX);
      messages += outcome.message.has_value() ? 1 : 0;
      done = outcome.done;
    }
  }
  EXPECT_EQ(messages, 1);
}

TEST_F(PlanFeedTest, GoesOnAtAPayloadOffset) {
  const auto oracle = served_.Local(1);
  PlanFeedOptions options;
  options.rank = 1;
  options.first_offset = 10;
  const auto feed = Feed(PartCursor(3, 1, 4, 2, true, true), options);
  EXPECT_TRUE(feed->AtPartBorder());
  std::string payload;
  PlanFeed::Outcome outcome = Next(feed.get(), 7);
  Append(*outcome.message, &payload);
  EXPECT_FALSE(feed->AtPartBorder());
  while (!outcome.done) {
    outcome = Next(feed.get(), UINT64_MAX);
    if (outcome.message.has_value()) Append(*outcome.message, &payload);
  }
  EXPECT_EQ(payload, testing::MicroBatchBytes(oracle.get(), 3, 0).substr(10) +
                         testing::MicroBatchBytes(oracle.get(), 3, 1));
  EXPECT_EQ(*outcome.step_completed, 3u);
}

TEST_F(PlanFeedTest, AnOffsetPastThePartIsOutOfRange) {
  PlanFeedOptions options;
  options.first_offset = 1 << 20;
  const auto feed = Feed(PartCursor(0, 0, 1, 2, true, true), options);
  EXPECT_EQ(Next(feed.get(), UINT64_MAX).error.code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace grouter
