#include "server/plans/worker_pool.h"

#include "gtest/gtest.h"
#include "io/mutex.h"

namespace grouter {
namespace {

TEST(WorkerPoolTest, RunsEveryTask) {
  Mutex mutex;
  CondVar changed;
  int done = 0;
  WorkerPool pool(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(pool.Run([&] {
      MutexLock lock(&mutex);
      ++done;
      changed.SignalAll();
    }));
  }
  MutexLock lock(&mutex);
  while (done < 100) changed.Wait(&mutex);
  uint64_t rounds = 0;
  for (const Heartbeat* heartbeat : pool.heartbeats()) rounds += heartbeat->rounds();
  EXPECT_EQ(rounds, 100u);
  EXPECT_EQ(pool.queued(), 0u);
}

TEST(WorkerPoolTest, StopWaitsForWhatRunsAndRefusesWhatComes) {
  WorkerPool pool(1);
  pool.Stop();
  EXPECT_FALSE(pool.Run([] { FAIL() << "ran after Stop"; }));
  pool.Stop();
}

}  // namespace
}  // namespace grouter
