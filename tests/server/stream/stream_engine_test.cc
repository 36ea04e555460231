#include "server/stream/stream_engine.h"

#include <atomic>
#include <thread>

#include "proto/status.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class StreamEngineTest : public RawClientTest {};

TEST_F(StreamEngineTest, DrainingEndsStreamsWithAReason) {
  UseLargeJob();
  ServeWithJob();
  grpc::ClientContext context;
  const auto stream = plans_->StreamPlans(&context);
  v1::StreamPlansRequest request;
  request.mutable_open()->set_job_digest(digest_);
  request.set_granted_payload_bytes(1 << 20);
  ASSERT_TRUE(stream->Write(request));
  v1::StreamPlansResponse response;
  ASSERT_TRUE(stream->Read(&response));
  std::thread stopper([this] { server_->Shutdown(std::chrono::milliseconds(10000)); });
  // The stream is in the middle of a micro-batch: it gets the rest of it, then the end.
  v1::StreamPlansRequest more;
  more.set_granted_payload_bytes(uint64_t{1} << 30);
  stream->Write(more);
  uint64_t end_of_last = 0;
  uint64_t payload_of_last = 0;
  while (stream->Read(&response)) {
    for (const auto& frame : response.frames()) {
      end_of_last = frame.position().payload_offset_bytes() + frame.data().size();
      payload_of_last = frame.payload_bytes();
    }
  }
  const absl::Status status = FromGrpcStatus(stream->Finish());
  stopper.join();
  EXPECT_EQ(end_of_last, payload_of_last);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), "DRAINING");
  }
}

TEST_F(StreamEngineTest, ManyCallsAtOnceAreAllServed) {
  ServeWithJob();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        grpc::ClientContext context;
        v1::GetPlanRequest request;
        request.set_job_digest(digest_);
        request.set_step(i % 6);
        request.set_rank(t % 2);
        const auto reader = plans_->GetPlan(&context, request);
        v1::GetPlanResponse response;
        while (reader->Read(&response)) {
        }
        good += reader->Finish().ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST_F(StreamEngineTest, ShutdownWithOpenStreamsEnds) {
  UseLargeJob();
  ServeWithJob();
  grpc::ClientContext context;
  const auto stream = plans_->StreamPlans(&context);
  v1::StreamPlansRequest request;
  request.mutable_open()->set_job_digest(digest_);
  request.set_granted_payload_bytes(1 << 20);
  ASSERT_TRUE(stream->Write(request));
  v1::StreamPlansResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server_.reset();
  while (stream->Read(&response)) {
  }
  EXPECT_FALSE(stream->Finish().ok());
}

}  // namespace
}  // namespace grouter
