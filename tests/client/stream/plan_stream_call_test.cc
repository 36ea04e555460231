#include "client/stream/plan_stream_call.h"

#include <thread>

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
  static absl::Status ServeToTheEnd(PlanStreamCall* call) {
    absl::optional<absl::Status> end;
    while (!end.has_value()) end = call->Serve(PlanStreamCall::Clock::now() + std::chrono::seconds(60));
    return *end;
  }
  static PlanStreamCall::Handler Ignore() {
    PlanStreamCall::Handler handler;
    handler.on_message = [](grpc::ByteBuffer*) { return absl::OkStatus(); };
    return handler;
  }
};

TEST_F(PlanStreamCallTest, BringsEveryMessageAndThenTheEnd) {
  ServeWithJob();
  uint64_t bytes = 0;
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer* message) {
    bytes += message->Length();
    return absl::OkStatus();
  };
  PlanStreamCall call(channel_, handler);
  call.Start(Open(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_TRUE(ServeToTheEnd(&call).ok());
  EXPECT_GT(bytes, 1000u);
  call.Send(v1::StreamPlansRequest());  // too late, and harmless
}

TEST_F(PlanStreamCallTest, AnErrorOfTheReaderEndsTheCallWithIt) {
  ServeWithJob();
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer*) { return absl::DataLossError("not what I wanted"); };
  PlanStreamCall call(channel_, handler);
  call.Start(Open(), "");
  EXPECT_EQ(ServeToTheEnd(&call).code(), absl::StatusCode::kDataLoss);
}

TEST_F(PlanStreamCallTest, CancelFromAnotherThreadEndsAWaitingCall) {
  UseLargeJob();
  ServeWithJob();
  PlanStreamCall call(channel_, Ignore());
  call.Start(Open(), "");
  EXPECT_FALSE(call.Serve(PlanStreamCall::Clock::now() + std::chrono::milliseconds(1)).has_value());
  std::thread canceller([&] { call.Cancel(absl::AbortedError("elsewhere")); });
  EXPECT_EQ(ServeToTheEnd(&call).code(), absl::StatusCode::kAborted);
  canceller.join();
}

TEST_F(PlanStreamCallTest, ACallThatWasCancelledBeforeItsStartEndsAtOnce) {
  ServeWithJob();
  PlanStreamCall call(channel_, Ignore());
  call.Cancel(absl::AbortedError("not needed"));
  call.Start(Open(), "");
  EXPECT_EQ(ServeToTheEnd(&call).code(), absl::StatusCode::kAborted);
}

TEST_F(PlanStreamCallTest, GrantsFromAnotherThreadBringTheRest) {
  UseLargeJob();
  ServeWithJob();
  uint64_t messages = 0;
  PlanStreamCall::Handler handler;
  handler.on_message = [&](grpc::ByteBuffer*) {
    ++messages;
    return absl::OkStatus();
  };
  PlanStreamCall call(channel_, handler);
  call.Start(Open(), "");
  std::thread granter([&] {
    for (uint64_t mib = 2; mib < 64; ++mib) {
      v1::StreamPlansRequest grant;
      grant.set_granted_payload_bytes(mib << 20);
      call.Send(grant);
    }
    v1::StreamPlansRequest rest;
    rest.set_granted_payload_bytes(uint64_t{1} << 50);
    call.Send(rest);
  });
  EXPECT_TRUE(ServeToTheEnd(&call).ok());
  EXPECT_GT(messages, 1u);
  granter.join();
}

TEST_F(PlanStreamCallTest, ACallThatIsDroppedInTheMiddleIsCancelled) {
  UseLargeJob();
  ServeWithJob();
  PlanStreamCall call(channel_, Ignore());
  call.Start(Open(), "");
  call.Serve(PlanStreamCall::Clock::now() + std::chrono::milliseconds(1));
}

TEST_F(PlanStreamCallTest, WhatIsSentBeforeTheStartFollowsTheFirstMessage) {
  ServeWithJob();
  PlanStreamCall call(channel_, Ignore());
  v1::StreamPlansRequest early;
  early.mutable_progress()->set_finished_step(0);
  call.Send(early);
  call.Start(Open(), "");
  EXPECT_TRUE(ServeToTheEnd(&call).ok());
}

}  // namespace
}  // namespace grouter
