#include "server/service/stats_service.h"

#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class StatsServiceTest : public RawClientTest {};

TEST_F(StatsServiceTest, GivesStatsOnceAndAgain) {
  ServeWithJob();
  const auto stub = v1::StatsService::NewStub(channel_);
  {
    grpc::ClientContext context;
    v1::GetStatsResponse stats;
    ASSERT_TRUE(stub->GetStats(&context, v1::GetStatsRequest(), &stats).ok());
    ASSERT_EQ(stats.jobs_size(), 1);
    EXPECT_EQ(stats.jobs(0).digest(), digest_);
    EXPECT_TRUE(stats.jobs(0).has_steps_counted());
  }
  grpc::ClientContext context;
  v1::WatchStatsRequest request;
  request.set_interval_ms(100);
  const auto reader = stub->WatchStats(&context, request);
  v1::WatchStatsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.stats().server().version(), kServerVersion);
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StatsServiceTest, UnknownJobsAndOddIntervalsAreErrors) {
  ServeWithJob();
  const auto stub = v1::StatsService::NewStub(channel_);
  {
    grpc::ClientContext context;
    v1::GetStatsRequest request;
    request.set_job_digest(std::string(64, 'f'));
    v1::GetStatsResponse stats;
    EXPECT_EQ(stub->GetStats(&context, request, &stats).error_code(), grpc::StatusCode::NOT_FOUND);
  }
  grpc::ClientContext context;
  v1::WatchStatsRequest request;
  request.set_interval_ms(1);
  const auto reader = stub->WatchStats(&context, request);
  v1::WatchStatsResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StatsServiceTest, WatchesAreLimited) {
  server::ServerConfig config = testing::TestConfig(job_.root);
  config.mutable_limits()->set_max_watches(0);
  ServeWithJob(config);
  const auto stub = v1::StatsService::NewStub(channel_);
  grpc::ClientContext context;
  const auto reader = stub->WatchStats(&context, v1::WatchStatsRequest());
  v1::WatchStatsResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace grouter
