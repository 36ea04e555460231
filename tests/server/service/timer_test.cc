#include "server/service/timer.h"

#include <vector>

#include "gtest/gtest.h"

namespace grouter {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class Order {
 public:
  std::function<void()> Append(int which) {
    return [this, which] {
      MutexLock lock(&mutex_);
      order_.push_back(which);
      changed_.SignalAll();
    };
  }
  std::vector<int> WaitFor(size_t count) {
    MutexLock lock(&mutex_);
    while (order_.size() < count) changed_.Wait(&mutex_);
    return order_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<int> order_ ABSL_GUARDED_BY(mutex_);
};

TEST(TimerTest, RunsInTheOrderOfTheirTimes) {
  Order order;
  Timer timer;
  const auto now = Timer::Clock::now();
  timer.Set(now + milliseconds(30), order.Append(3));
  timer.Set(now + milliseconds(10), order.Append(1));
  timer.Set(now + milliseconds(20), order.Append(2));
  EXPECT_EQ(order.WaitFor(3), (std::vector<int>{1, 2, 3}));
  EXPECT_GE(Timer::Clock::now(), now + milliseconds(30));
}

TEST(TimerTest, WhatIsHurriedRunsNowAndOnce) {
  Order order;
  Timer timer;
  timer.Set(Timer::Clock::now() + hours(1), order.Append(1));
  const Timer::Id hurried = timer.Set(Timer::Clock::now() + hours(2), order.Append(2));
  timer.Hurry(hurried);
  EXPECT_EQ(order.WaitFor(1), std::vector<int>{2});
  timer.Hurry(hurried);
  timer.Set(Timer::Clock::now(), order.Append(3));
  EXPECT_EQ(order.WaitFor(2), (std::vector<int>{2, 3}));
}

TEST(TimerTest, AFunctionMaySetTheNext) {
  Order order;
  Timer timer;
  timer.Set(Timer::Clock::now(), [&] {
    order.Append(1)();
    timer.Set(Timer::Clock::now(), order.Append(2));
  });
  EXPECT_EQ(order.WaitFor(2), (std::vector<int>{1, 2}));
}

TEST(TimerTest, WhatWaitsAtTheEndNeverRuns) {
  Order order;
  {
    Timer timer;
    timer.Set(Timer::Clock::now() + hours(1), order.Append(1));
  }
  Timer other;
  other.Set(Timer::Clock::now(), order.Append(2));
  EXPECT_EQ(order.WaitFor(1), std::vector<int>{2});
}

}  // namespace
}  // namespace grouter
