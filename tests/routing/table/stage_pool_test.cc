#include "routing/table/stage_pool.h"

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(StagePool, RunsTheTasksOfAStageInTheOrderTheyWerePosted) {
  for (uint32_t threads : {1, 2, 5}) {
    StagePool pool(3, threads);
    std::vector<int> order[3];
    for (int i = 0; i < 100; ++i) {
      for (uint32_t stage = 0; stage < 3; ++stage)
        pool.Post(stage, [&, i, stage] { order[stage].push_back(i); });
    }
    pool.Drain();
    for (const std::vector<int>& done : order) {
      ASSERT_EQ(done.size(), 100);
      for (int i = 0; i < 100; ++i) EXPECT_EQ(done[i], i);
    }
  }
}

TEST(StagePool, StagesRunSideBySide) {
  StagePool pool(2, 2);
  std::promise<void> begun;
  // Each waits for the other.
  pool.Post(0, [&] { begun.get_future().wait(); });
  pool.Post(1, [&] { begun.set_value(); });
  pool.Drain();
}

TEST(StagePool, TheCallerRunsWhatNoThreadHasBegun) {
  StagePool pool(2, 1);
  std::promise<void> started, go;
  pool.Post(0, [&] { started.set_value(), go.get_future().wait(); });
  started.get_future().wait();
  std::thread::id ran_on;
  pool.Post(0, [] {});
  pool.Post(1, [&] { ran_on = std::this_thread::get_id(); });
  EXPECT_TRUE(pool.RunOne());
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_FALSE(pool.RunOne()) << "stage 0 is running";
  go.set_value();
  pool.Drain();
}

TEST(StagePool, RunsWhatIsQueuedBeforeItIsDestroyed) {
  std::atomic<int> done{0};
  {
    StagePool pool(2, 2);
    for (int i = 0; i < 50; ++i) pool.Post(i % 2, [&done] { ++done; });
  }
  EXPECT_EQ(done.load(), 50);
}

TEST(StagePool, ATaskMayPostToAnotherPool) {
  StagePool second(1, 1);
  StagePool first(1, 1);
  int value = 0;
  first.Post(0, [&] { second.Post(0, [&value] { value = 7; }); });
  first.Drain();
  second.Drain();
  EXPECT_EQ(value, 7);
}

TEST(StagePool, FreesATaskBeforeDrainReturns) {
  StagePool pool(1, 1);
  auto held = std::make_shared<int>(1);
  pool.Post(0, [copy = held] { (void)copy; });
  pool.Drain();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace grouter
