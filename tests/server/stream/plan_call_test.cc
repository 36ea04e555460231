#include "server/stream/plan_call.h"

#include "proto/status.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class PlanCallTest : public RawClientTest {
 protected:
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamPlansRequest, v1::StreamPlansResponse>> Open(
      grpc::ClientContext* context) {
    auto stream = plans_->StreamPlans(context);
    v1::StreamPlansRequest request;
    request.mutable_open()->set_job_digest(digest_);
    request.set_granted_payload_bytes(1 << 20);
    EXPECT_TRUE(stream->Write(request));
    v1::StreamPlansResponse response;
    EXPECT_TRUE(stream->Read(&response));
    return stream;
  }
};

TEST_F(PlanCallTest, AnOldStreamIsEndedAtAStepBorder) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.mutable_timing()->set_max_stream_age_ms(0);
  ServeWithJob(config);
  grpc::ClientContext context;
  auto stream = plans_->StreamPlans(&context);
  v1::StreamPlansRequest request;
  request.mutable_open()->set_job_digest(digest_);
  request.set_granted_payload_bytes(1 << 20);
  stream->Write(request);
  v1::StreamPlansResponse response;
  while (stream->Read(&response)) {
  }
  const absl::Status status = FromGrpcStatus(stream->Finish());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "MAX_AGE");
}

TEST_F(PlanCallTest, WorkersOfAnOlderGenerationLearnTheNewestJob) {
  ServeWithJob();
  JobSpec next = job_.spec;
  next.draft.continues = Continues{job_.spec.digest(), 8};
  PlacementSchedule schedule = *job_.schedule;
  schedule.draft = next.draft.digest();
  next.schedule = schedule.digest();
  ASSERT_TRUE(server_->stats().artefacts->StoreSchedule(schedule).ok());
  ASSERT_TRUE(server_->stats().jobs->Register(next, "").ok());
  grpc::ClientContext context;
  v1::GetPlanRequest request;
  request.set_job_digest(digest_);
  const auto reader = plans_->GetPlan(&context, request);
  v1::GetPlanResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  const auto& metadata = context.GetServerInitialMetadata();
  ASSERT_EQ(metadata.count("grouter-newest-job"), 1u);
  const auto value = metadata.find("grouter-newest-job")->second;
  EXPECT_EQ(std::string(value.data(), value.size()), next.digest().Hex());
}

TEST_F(PlanCallTest, ACancelledCallLeavesNothingBehind) {
  UseLargeJob();
  ServeWithJob();
  grpc::ClientContext context;
  const auto stream = Open(&context);
  EXPECT_EQ(server_->stats().counters->open_streams, 1u);
  context.TryCancel();
  v1::StreamPlansResponse response;
  while (stream->Read(&response)) {
  }
  stream->Finish();
  server_->Shutdown(std::chrono::milliseconds(2000));
  EXPECT_EQ(server_->stats().counters->open_streams, 0u);
}

}  // namespace
}  // namespace grouter
