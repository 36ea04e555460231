#include "routing/table/serial_queue.h"

#include <atomic>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(SerialQueue, RunsTasksInTheOrderTheyWerePosted) {
  SerialQueue queue;
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) queue.Post([&order, i] { order.push_back(i); });
  queue.Drain();
  ASSERT_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(SerialQueue, RunsWhatIsQueuedBeforeItIsDestroyed) {
  std::atomic<int> done{0};
  {
    SerialQueue queue;
    for (int i = 0; i < 50; ++i) queue.Post([&done] { ++done; });
  }
  EXPECT_EQ(done.load(), 50);
}

TEST(SerialQueue, ATaskMayPostToAnotherQueue) {
  SerialQueue second;
  SerialQueue first;
  int value = 0;
  first.Post([&] { second.Post([&value] { value = 7; }); });
  first.Drain();
  second.Drain();
  EXPECT_EQ(value, 7);
}

TEST(SerialQueue, FreesATaskBeforeDrainReturns) {
  SerialQueue queue;
  auto held = std::make_shared<int>(1);
  queue.Post([copy = held] { (void)copy; });
  queue.Drain();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace grouter
