// A network that delays, cuts, duplicates connections and stalls half open, between 8 clients and a server.
#include "tests/fault/relay.h"

#include <sched.h>
#include <signal.h>

#include <atomic>

#include "gtest/gtest.h"
#include "tests/fault/whole_job.h"
#include "tests/server/server_process.h"

namespace grouter {
namespace {

class RelayTest : public ::testing::Test {
 protected:
  int Rounds() const { return testing::LongForm() ? 20 : 1; }
  uint32_t Faults() const { return testing::LongForm() ? 200 : 12; }
  void ExpectAllRanksReadThrough(const testing::RelayFaults& faults) {
    relay_.Set(faults);
    testing::ExpectAllRanksRead(job_, digests_, {relay_.address()}, Rounds());
  }
  // What is left of the faults is for clients of this call.
  void UseUpFaults() {
    while (relay_.faults_left() > 0) testing::ExpectAllRanksRead(job_, digests_, {relay_.address()});
  }
  void TearDown() override {
    relay_.Set({});
    testing::ExpectAllRanksRead(job_, digests_, {server_.address()});
    server_.Signal(SIGTERM);
    server_.Signal(SIGINT);  // at once
    relay_.EndConnections();
    EXPECT_EQ(server_.Wait(), 0);
  }

  const testing::ServedJob job_ = testing::MakeFaultJob(24);
  const std::vector<Digest> digests_ = testing::DigestsOf(job_);
  testing::ServerProcess server_{{"--root", job_.root, "--listen", "127.0.0.1:0"}};
  testing::Relay relay_{server_.address(), 7};
};

TEST_F(RelayTest, DelaysCostTimeAlone) {
  testing::RelayFaults faults;
  faults.num_connections = 1000;
  faults.delay = std::chrono::milliseconds(5);
  ExpectAllRanksReadThrough(faults);
}

TEST_F(RelayTest, ConnectionsThatAreCutAnywhereLoseAndDoubleNothing) {
  testing::RelayFaults faults;
  faults.num_connections = Faults();
  faults.cut = true;
  faults.least_bytes = 0;
  faults.most_bytes = 40000;
  ExpectAllRanksReadThrough(faults);
  UseUpFaults();
  EXPECT_GT(relay_.cuts(), 0u);
}

TEST_F(RelayTest, AServerThatSeesEveryConnectionTwiceServesBoth) {
  testing::RelayFaults faults;
  faults.num_connections = 1000;
  faults.duplicate = true;
  ExpectAllRanksReadThrough(faults);
}

TEST_F(RelayTest, AHalfOpenConnectionIsLeftAfterTheProgressTimeout) {
  testing::RelayFaults faults;
  faults.num_connections = Faults() / 2;
  faults.stall = true;
  faults.least_bytes = 0;
  faults.most_bytes = 40000;
  ExpectAllRanksReadThrough(faults);
  UseUpFaults();
  EXPECT_GT(relay_.stalls(), 0u);
}

TEST_F(RelayTest, AllFaultsTogetherLeaveTheServersMemoryFlat) {
  uint64_t before = 0;
  for (int round = 0; round < (testing::LongForm() ? 30 : 3); ++round) {
    testing::RelayFaults faults;
    faults.num_connections = 16;
    faults.cut = round % 2 == 0;
    faults.stall = round % 2 == 1;
    faults.duplicate = true;
    faults.delay = std::chrono::milliseconds(1);
    faults.least_bytes = 100;
    faults.most_bytes = 100000;
    relay_.Set(faults);
    testing::ExpectAllRanksRead(job_, digests_, {relay_.address()});
    relay_.EndConnections();
    if (round == 1) before = testing::AnonymousMemory(server_.pid());
  }
  testing::ExpectFlat(before, testing::AnonymousMemory(server_.pid()));
}

TEST(SlowReaderTest, AReaderThatAcceptsALittleAtATimeIsNotEvicted) {
  testing::ServedJobOptions large;
  large.num_samples = 8;
  large.sample_length = 100000;
  large.samples_per_step = 4;
  large.num_steps = 1;
  large.second_epoch_at = 0;
  const testing::ServedJob job = testing::MakeServedJob(large);
  server::ServerConfig config = testing::TestConfig(job.root);
  config.mutable_timing()->set_evict_after_ms(600);
  const auto server = testing::StartServer(config);
  testing::Relay relay(server->addresses()[0], 3);
  testing::RelayFaults faults;
  faults.num_connections = 1;
  faults.delay = std::chrono::milliseconds(12);  // 16 KiB a time: a message of 1 MiB takes 0.8 s and more
  faults.receive_buffer_bytes = 16384;
  relay.Set(faults);
  GrpcPlanSourceOptions options = testing::ClientOptions(job, {relay.address()}, 0);
  options.call_timeout = options.progress_timeout = std::chrono::seconds(30);
  const auto received = testing::ReadWholeJob(options);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(*received, testing::DigestsOf(job)[0]);
  EXPECT_EQ(server->stats().counters->streams_evicted, 0u);
  EXPECT_EQ(relay.connections(), 1u);
}

// The server finds out that its client's half of a connection is dead by keepalive alone.
TEST(HalfOpenTest, KeepaliveFreesWhatADeadClientHeld) {
  const testing::ServedJob job = testing::MakeFaultJob(24);
  server::ServerConfig config = testing::TestConfig(job.root);
  config.mutable_timing()->set_keepalive_ms(1000);
  const auto server = testing::StartServer(config);
  testing::Relay relay(server->addresses()[0], 3);
  testing::RelayFaults faults;
  faults.num_connections = 1;
  faults.stall = true;
  faults.least_bytes = faults.most_bytes = 3000;
  relay.Set(faults);
  const GrpcPlanSourceOptions options = testing::ClientOptions(job, {relay.address()}, 0);
  EXPECT_TRUE(testing::ReadWholeJob(options).ok());
  EXPECT_EQ(relay.stalls(), 1u);
  while (server->stats().counters->connections > 0) sched_yield();
  EXPECT_EQ(server->stats().counters->open_streams, 0u);
}

}  // namespace
}  // namespace grouter
