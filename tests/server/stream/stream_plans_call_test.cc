#include "server/stream/stream_plans_call.h"

#include "proto/status.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class StreamPlansCallTest : public RawClientTest {
 protected:
  v1::StreamPlansRequest Open(uint64_t step, uint32_t rank, uint64_t credit) {
    v1::StreamPlansRequest request;
    request.mutable_open()->set_job_digest(digest_);
    request.mutable_open()->set_rank(rank);
    request.mutable_open()->mutable_first()->set_step(step);
    request.mutable_open()->set_worker("a worker");
    request.set_granted_payload_bytes(credit);
    return request;
  }
  // Writes the requests, half-closes, reads all.
  grpc::Status Run(const std::vector<v1::StreamPlansRequest>& requests, std::string* payload) {
    grpc::ClientContext context;
    const auto stream = plans_->StreamPlans(&context);
    for (const auto& request : requests) stream->Write(request);
    stream->WritesDone();
    v1::StreamPlansResponse response;
    payload->clear();
    while (stream->Read(&response)) {
      uint64_t bytes = 0;
      for (const auto& frame : response.frames()) {
        *payload += frame.data();
        bytes += frame.data().size();
      }
      EXPECT_LE(bytes, kMiB);
    }
    return stream->Finish();
  }
};

TEST_F(StreamPlansCallTest, StreamsAllPartsToTheEndOfTheJob) {
  ServeWithJob();
  const auto oracle = job_.Local(0);
  std::string expected;
  for (uint64_t step = 2; step < 6; ++step) {
    expected += testing::StepBytes(oracle.get(), step);
    for (uint32_t m = 0; m < 2; ++m) expected += testing::MicroBatchBytes(oracle.get(), step, m);
  }
  std::string payload;
  const grpc::Status status = Run({Open(2, 0, kMiB)}, &payload);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(payload, expected);
}

TEST_F(StreamPlansCallTest, EndsBeforeTheStepAskedFor) {
  ServeWithJob();
  v1::StreamPlansRequest request = Open(0, 1, kMiB);
  request.mutable_open()->set_end_step(1);
  request.mutable_open()->set_sections(v1::PLAN_SECTIONS_STEP);
  std::string payload;
  EXPECT_TRUE(Run({request}, &payload).ok());
  EXPECT_EQ(payload, testing::StepBytes(job_.Local(1).get(), 0));
}

TEST_F(StreamPlansCallTest, CreditIsATotalThatNeverShrinks) {
  UseLargeJob();
  ServeWithJob();
  std::string payload;
  EXPECT_EQ(Run({Open(0, 0, kMiB - 1)}, &payload).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::StreamPlansRequest smaller;
  smaller.set_granted_payload_bytes(kMiB);
  EXPECT_EQ(Run({Open(0, 0, kMiB + 1), smaller}, &payload).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StreamPlansCallTest, WithoutCreditTheServerWaits) {
  UseLargeJob();
  ServeWithJob();
  grpc::ClientContext context;
  const auto stream = plans_->StreamPlans(&context);
  ASSERT_TRUE(stream->Write(Open(0, 0, kMiB)));
  uint64_t granted = kMiB;
  v1::StreamPlansResponse response;
  std::string payload;
  while (stream->Read(&response)) {
    for (const auto& frame : response.frames()) payload += frame.data();
    ASSERT_LE(payload.size(), granted);
    if (payload.size() < granted) continue;
    granted += 300000;  // the next frames wait for this
    v1::StreamPlansRequest more;
    more.set_granted_payload_bytes(granted);
    stream->Write(more);
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_GT(granted, kMiB);
  const auto oracle = job_.Local(0);
  EXPECT_EQ(payload, testing::StepBytes(oracle.get(), 0) + testing::MicroBatchBytes(oracle.get(), 0, 0) +
                         testing::MicroBatchBytes(oracle.get(), 0, 1));
}

TEST_F(StreamPlansCallTest, TheFirstMessageOpensAndNoOther) {
  ServeWithJob();
  std::string payload;
  v1::StreamPlansRequest credit;
  credit.set_granted_payload_bytes(kMiB);
  EXPECT_EQ(Run({credit}, &payload).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Run({}, &payload).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StreamPlansCallTest, PastTheEndNamesTheLastStep) {
  ServeWithJob();
  std::string payload;
  const grpc::Status status = Run({Open(6, 0, kMiB)}, &payload);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_NE(status.error_message().find("last is 5"), std::string::npos);
}

TEST_F(StreamPlansCallTest, StreamsOfAJobAreLimited) {
  UseLargeJob();
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.mutable_limits()->set_max_streams_per_job(1);
  ServeWithJob(config);
  grpc::ClientContext context;
  const auto held = plans_->StreamPlans(&context);
  ASSERT_TRUE(held->Write(Open(0, 0, kMiB)));
  v1::StreamPlansResponse response;
  ASSERT_TRUE(held->Read(&response));  // it is open, and will wait for credit
  std::string payload;
  const grpc::Status refused = Run({Open(0, 1, kMiB)}, &payload);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_GT(RetryDelayOf(FromGrpcStatus(refused)).count(), 0);
  context.TryCancel();
  while (held->Read(&response)) {
  }
  EXPECT_EQ(held->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StreamPlansCallTest, WorkersAreSeenWithTheirProgress) {
  UseLargeJob();
  ServeWithJob();
  grpc::ClientContext context;
  const auto stream = plans_->StreamPlans(&context);
  v1::StreamPlansRequest open = Open(0, 1, kMiB);
  open.mutable_open()->set_worker("host<script>\n");
  ASSERT_TRUE(stream->Write(open));
  v1::StreamPlansResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const auto job = server_->stats().jobs->Find(digest_);
  ASSERT_TRUE(job.ok());
  ASSERT_EQ((*job)->workers.List().size(), 1u);
  EXPECT_EQ((*job)->workers.List()[0].worker, "host<script>?");
  EXPECT_EQ((*job)->workers.List()[0].rank, 1u);
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  stream->Finish();
}

}  // namespace
}  // namespace grouter
