// kill -9 of a server at random moments of 8 clients' streams.
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/fault/whole_job.h"
#include "tests/server/server_process.h"

namespace grouter {
namespace {

TEST(KillTest, EveryClientReceivesEveryStepOnceWithTheRightBytes) {
  const testing::ServedJob job = testing::MakeFaultJob(40);
  const std::vector<Digest> digests = testing::DigestsOf(job);
  auto server = std::make_unique<testing::ServerProcess>(
      std::vector<std::string>{"--root", job.root, "--listen", "127.0.0.1:0"});
  ASSERT_NE(server->address(), "");
  const std::string address = server->address();

  const auto begun = std::chrono::steady_clock::now();
  const auto enough = begun + std::chrono::seconds(testing::LongForm() ? 300 : 5);
  std::atomic<bool> killing{true};
  std::atomic<uint64_t> steps{0};
  std::atomic<uint64_t> jobs{0};
  std::vector<std::thread> clients;
  for (uint32_t rank = 0; rank < digests.size(); ++rank) {
    clients.emplace_back([&, rank] {
      do {
        const auto received =
            testing::ReadWholeJob(testing::ClientOptions(job, {address}, rank), [&](uint64_t) { ++steps; });
        ASSERT_TRUE(received.ok()) << received.status();
        ASSERT_EQ(*received, digests[rank]);
        ++jobs;
      } while (killing);
    });
  }
  Random random(1);
  int kills = 0;
  while (kills < 3 || std::chrono::steady_clock::now() < enough) {
    // The moment is random in progress, not in time: some steps after the last kill.
    const uint64_t until = steps + 10 + random.Below(150);
    while (steps < until) sched_yield();
    server->Signal(SIGKILL);
    EXPECT_EQ(server->Wait(), 128 + SIGKILL);
    server = std::make_unique<testing::ServerProcess>(
        std::vector<std::string>{"--root", job.root, "--listen", address});
    ASSERT_EQ(server->address(), address);
    ++kills;
  }
  killing = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(steps, jobs * 40);
  RecordProperty("kills", kills);
  testing::ExpectAllRanksRead(job, digests, {address});
  server->Signal(SIGTERM);
  server->Signal(SIGINT);  // at once
  EXPECT_EQ(server->Wait(), 0);
}

}  // namespace
}  // namespace grouter
