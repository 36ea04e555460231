#include "server/stats/snapshot.h"

#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class SnapshotTest : public RawClientTest {};

TEST_F(SnapshotTest, CountsWhatWasServed) {
  ServeWithJob();
  grpc::ClientContext context;
  v1::GetPlanRequest request;
  request.set_job_digest(digest_);
  const auto reader = plans_->GetPlan(&context, request);
  v1::GetPlanResponse response;
  uint64_t bytes = 0;
  while (reader->Read(&response)) {
    for (const auto& frame : response.frames()) bytes += frame.data().size();
  }
  ASSERT_TRUE(reader->Finish().ok());
  const auto stats = TakeSnapshot(server_->stats(), "", true);
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->server().payload_bytes_sent(), bytes);
  EXPECT_EQ(stats->server().connections(), 1u);
  ASSERT_EQ(stats->jobs_size(), 1);
  EXPECT_EQ(stats->jobs(0).newest_step_planned(), 0u);
  EXPECT_EQ(stats->jobs(0).expert_load_size(), 2);
  EXPECT_EQ(stats->jobs(0).expert_load(0).tokens_per_expert_size(), 8);
  EXPECT_GE(stats->jobs(0).expert_load(0).max_vio(), 0);
  EXPECT_EQ(stats->jobs(0).rows_between_ranks_size(), 2);
  EXPECT_GT(stats->jobs(0).local_share(), 0);
  EXPECT_LE(stats->jobs(0).local_share(), stats->jobs(0).node_local_share());
  ASSERT_EQ(stats->tables_size(), 1);
  EXPECT_EQ(stats->tables(0).num_jobs(), 1u);
  EXPECT_EQ(stats->tables(0).damage(), "");
}

TEST_F(SnapshotTest, LeavesOutLongArraysWhenAsked) {
  ServeWithJob();
  const auto stats = TakeSnapshot(server_->stats(), digest_, false);
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->jobs(0).rows_between_ranks_size(), 0);
  EXPECT_EQ(TakeSnapshot(server_->stats(), "nothing", false).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
