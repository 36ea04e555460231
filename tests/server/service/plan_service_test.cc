#include "server/service/plan_service.h"

#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class PlanServiceTest : public RawClientTest {};

TEST_F(PlanServiceTest, DescribesAPlanInSums) {
  ServeWithJob();
  grpc::ClientContext context;
  v1::DescribePlanRequest request;
  request.set_job_digest(digest_.substr(0, 10));
  request.set_step(4);
  request.set_rank(1);
  v1::DescribePlanResponse response;
  const grpc::Status status = plans_->DescribePlan(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto oracle = job_.Local(1);
  const auto step = oracle->Step(4);
  const auto plan = oracle->MicroBatch(4, 1);
  EXPECT_EQ(response.plan().job_digest(), digest_);
  EXPECT_EQ(response.plan().num_samples(), (*step)->num_samples);
  EXPECT_EQ(response.plan().placement_epoch(), 1u);
  ASSERT_EQ(response.plan().micro_batches_size(), 2);
  const auto& described = response.plan().micro_batches(1);
  EXPECT_EQ(described.num_tokens(), (*plan)->num_tokens);
  EXPECT_EQ(described.num_pairs_sent(), (*plan)->certificate.num_pairs_sent);
  EXPECT_EQ(described.payload_bytes(), EncodeMicroBatchPlan(**plan).num_bytes());
  EXPECT_EQ(described.rows_to_rank_size(), 2);
}

TEST_F(PlanServiceTest, GivesThePlacementOfAStep) {
  ServeWithJob();
  v1::GetPlacementRequest request;
  request.set_job_digest(digest_);
  request.set_step(2);
  v1::GetPlacementResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(plans_->GetPlacement(&context, request, &response).ok());
  }
  EXPECT_EQ(response.epoch().first_step(), 0u);
  EXPECT_EQ(response.epoch().end_step(), 3u);
  request.set_step(5);
  {
    grpc::ClientContext context;
    ASSERT_TRUE(plans_->GetPlacement(&context, request, &response).ok());
  }
  EXPECT_EQ(response.epoch().index(), 1u);
  EXPECT_FALSE(response.epoch().has_end_step());
  request.set_step(6);
  grpc::ClientContext context;
  EXPECT_EQ(plans_->GetPlacement(&context, request, &response).error_code(), grpc::StatusCode::OUT_OF_RANGE);
}

TEST_F(PlanServiceTest, WatchersSeeTheNextPlacementWhenAWorkerReachesIt) {
  ServeWithJob();
  grpc::ClientContext context;
  v1::WatchPlacementRequest request;
  request.set_job_digest(digest_);
  const auto reader = plans_->WatchPlacement(&context, request);
  v1::WatchPlacementResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.epoch().index(), 0u);
  const auto job = *server_->stats().jobs->Find(digest_);
  const Workers::Id worker = job->workers.Join("w", 0);
  job->workers.Finished(worker, 3, 0);
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.epoch().index(), 1u);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
  job->workers.Leave(worker);
}

}  // namespace
}  // namespace grouter
