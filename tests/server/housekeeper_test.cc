#include "server/housekeeper.h"

#include <sched.h>

#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class HousekeeperTest : public RawClientTest {};

TEST_F(HousekeeperTest, EvictsAReaderThatAcceptsNothingWithCreditOpen) {
  // More payload than all buffers between server and reader hold.
  testing::ServedJobOptions large;
  large.num_samples = 8;
  large.sample_length = 300000;
  large.samples_per_step = 4;
  large.num_steps = 1;
  large.second_epoch_at = 0;
  job_ = testing::MakeServedJob(large);
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.mutable_timing()->set_evict_after_ms(200);
  ServeWithJob(config);
  grpc::ClientContext context;
  const auto stream = plans_->StreamPlans(&context);
  v1::StreamPlansRequest request;
  request.mutable_open()->set_job_digest(digest_);
  request.set_granted_payload_bytes(uint64_t{1} << 40);
  ASSERT_TRUE(stream->Write(request));
  // Nothing is read, until the server has had enough.
  while (server_->stats().counters->streams_evicted == 0) sched_yield();
  v1::StreamPlansResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(HousekeeperTest, AReaderWithoutCreditIsNotSlow) {
  UseLargeJob();
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.mutable_timing()->set_evict_after_ms(100);
  ServeWithJob(config);
  grpc::ClientContext context;
  const auto stream = plans_->StreamPlans(&context);
  v1::StreamPlansRequest request;
  request.mutable_open()->set_job_digest(digest_);
  request.set_granted_payload_bytes(1 << 20);
  ASSERT_TRUE(stream->Write(request));
  uint64_t received = 0;
  v1::StreamPlansResponse response;
  while (received < 1 << 20) {
    ASSERT_TRUE(stream->Read(&response));
    for (const auto& frame : response.frames()) received += frame.data().size();
  }
  Counters counters;
  {
    // Looks of another housekeeper over the same time stand for time passing.
    grpc::ServerBuilder builder;
    PlanServiceRaw service;
    StreamContext none;
    StreamEngine engine(1, &builder, &service, &none);
    Housekeeper clock(&engine, nullptr, &counters);
    while (clock.heartbeat().rounds() < 2) sched_yield();
  }
  EXPECT_EQ(server_->stats().counters->streams_evicted, 0u);
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  stream->Finish();
}

}  // namespace
}  // namespace grouter
