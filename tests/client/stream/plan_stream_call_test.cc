#include "client/stream/plan_stream_call.h"

#include <future>

#include "grpcpp/create_channel.h"
#include "proto/frame.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class PlanStreamCallTest : public RawClientTest {
 protected:
  v1::StreamPlansRequest Open() {
    v1::StreamPlansRequest request;
    request.mutable_open()->set_job_digest(digest_);
    request.set_granted_payload_bytes(1 << 20);
    return request;
  }
};

TEST_F(PlanStreamCallTest, BringsEveryMessageAndThenTheEnd) {
  ServeWithJob();
  std::promise<absl::Status> end;
  std::atomic<uint64_t> bytes{0};
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer* message) {
    bytes += message->Length();
    return absl::OkStatus();
  };
  handler.done = [&](const absl::Status& status) { end.set_value(status); };
  const auto call = std::make_shared<PlanStreamCall>(channel_, handler);
  call->Start(Open(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_TRUE(end.get_future().get().ok());
  EXPECT_GT(bytes, 1000u);
  call->Send(v1::StreamPlansRequest());  // too late, and harmless
}

TEST_F(PlanStreamCallTest, AnErrorOfTheReaderEndsTheCallWithIt) {
  ServeWithJob();
  std::promise<absl::Status> end;
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer*) { return absl::DataLossError("not what I wanted"); };
  handler.done = [&](const absl::Status& status) { end.set_value(status); };
  const auto call = std::make_shared<PlanStreamCall>(channel_, handler);
  call->Start(Open(), "");
  EXPECT_EQ(end.get_future().get().code(), absl::StatusCode::kDataLoss);
}

TEST_F(PlanStreamCallTest, CancelEndsAWaitingCall) {
  UseLargeJob();
  ServeWithJob();
  std::promise<absl::Status> end;
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer*) { return absl::OkStatus(); };
  handler.done = [&](const absl::Status& status) { end.set_value(status); };
  const auto call = std::make_shared<PlanStreamCall>(channel_, handler);
  call->Start(Open(), "");
  call->Cancel(absl::AbortedError("elsewhere"));
  EXPECT_EQ(end.get_future().get().code(), absl::StatusCode::kAborted);
}

TEST_F(PlanStreamCallTest, WhatIsSentBeforeTheStartFollowsTheFirstMessage) {
  ServeWithJob();
  std::promise<absl::Status> end;
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer*) { return absl::OkStatus(); };
  handler.done = [&](const absl::Status& status) { end.set_value(status); };
  const auto call = std::make_unique<PlanStreamCall>(channel_, handler);
  v1::StreamPlansRequest early;
  early.mutable_progress()->set_finished_step(0);
  call->Send(early);
  call->Start(Open(), "");
  EXPECT_TRUE(end.get_future().get().ok());
}

}  // namespace
}  // namespace grouter
