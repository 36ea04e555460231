// kill -9 of servers in the middle of streams: every client gets every step once, with the right bytes.
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "client/grpc_plan_source.h"
#include "client/prefetching_plan_source.h"
#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/server/server_process.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

constexpr int kClients = 8;

// Kills of the short form; GROUTER_LONG asks for ten times as many.
int NumKills() { return std::getenv("GROUTER_LONG") != nullptr ? 60 : 6; }

TEST(KillTest, EveryClientReceivesEveryStepOnceWithTheRightBytes) {
  testing::ServedJobOptions shape;
  shape.num_samples = 256;
  shape.num_nodes = 2;
  shape.ranks_per_node = 4;
  shape.ep_size = 4;
  shape.samples_per_step = 16;
  shape.num_steps = 40;
  shape.second_epoch_at = 20;
  const testing::ServedJob job = testing::MakeServedJob(shape);
  const auto planner = job.Planner();
  auto server = std::make_unique<testing::ServerProcess>(
      std::vector<std::string>{"--root", job.root, "--listen", "127.0.0.1:0"});
  ASSERT_NE(server->address(), "");
  const std::string address = server->address();

  std::atomic<bool> killing{true};
  std::atomic<uint64_t> received{0};
  std::vector<std::thread> clients;
  for (uint32_t rank = 0; rank < kClients; ++rank) {
    clients.emplace_back([&, rank] {
      do {
        GrpcPlanSourceOptions options;
        options.servers = {address};
        options.spec = job.spec;
        options.rank = rank;
        auto connected = ConnectPlanSource(options);
        ASSERT_TRUE(connected.ok()) << connected.status();
        const auto source = MakePrefetchingPlanSource(*std::move(connected), 2);
        for (uint64_t step = 0; step < source->num_steps(); ++step) {
          ASSERT_EQ(testing::StepBytes(source.get(), step), EncodeStepPart(*planner->PlanStep(step, rank)));
          for (uint32_t m = 0; m < 2; ++m) {
            ASSERT_EQ(testing::MicroBatchBytes(source.get(), step, m),
                      EncodeMicroBatchPlan(*planner->PlanMicroBatch(step, rank, m)).Flatten());
          }
          source->Finished(step);
          ++received;
        }
      } while (killing);
    });
  }
  Random random(1);
  for (int i = 0; i < NumKills(); ++i) {
    // The moment is random in progress, not in time: some steps after the last kill.
    const uint64_t until = received + 10 + random.Below(150);
    while (received < until) sched_yield();
    server->Signal(SIGKILL);
    EXPECT_EQ(server->Wait(), 128 + SIGKILL);
    server = std::make_unique<testing::ServerProcess>(
        std::vector<std::string>{"--root", job.root, "--listen", address});
    ASSERT_EQ(server->address(), address);
  }
  killing = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(received % 40, 0u);
  server->Signal(SIGTERM);
  server->Signal(SIGTERM);
  EXPECT_EQ(server->Wait(), 0);
}

}  // namespace
}  // namespace grouter
