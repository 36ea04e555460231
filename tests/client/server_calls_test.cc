#include "client/server_calls.h"

#include <gmock/gmock.h>

#include "grouter/v1/stats_service.pb.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

class ServerCallsTest : public ::testing::Test {
 protected:
  ServerCallsTest() : job_(testing::MakeServedJob()), server_(testing::StartServer(job_.root)) {}
  ServerCallOptions At(std::vector<std::string> servers) const {
    ServerCallOptions options;
    options.servers = std::move(servers);
    options.timeout = std::chrono::milliseconds(5000);
    return options;
  }
  const testing::ServedJob job_;
  const std::unique_ptr<Server> server_;
};

TEST_F(ServerCallsTest, AJobHasOneDigestHereAndThere) {
  const auto first = RegisterJob(At(server_->addresses()), job_.spec, "first run");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->digest, job_.spec.digest());
  EXPECT_EQ(first->num_steps, 6);
  EXPECT_EQ(first->world_size, 2);
  EXPECT_FALSE(first->already_registered);
  EXPECT_TRUE(RegisterJob(At(server_->addresses()), job_.spec, "")->already_registered);
}

TEST_F(ServerCallsTest, AServerThatIsNotThereIsPassedOver) {
  std::vector<std::string> servers = {"127.0.0.1:1", server_->addresses()[0]};
  const auto job = RegisterJob(At(servers), job_.spec, "");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->server, servers[1]);
  const absl::Status none = RegisterJob(At({"127.0.0.1:1", "127.0.0.1:2"}), job_.spec, "").status();
  EXPECT_EQ(none.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(none.message()), HasSubstr("127.0.0.1:1, 127.0.0.1:2"));
  EXPECT_EQ(RegisterJob(At({}), job_.spec, "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServerCallsTest, WhatAServerSaysNoToIsNotAskedElsewhere) {
  JobSpec other = job_.spec;
  other.schedule = Sha256("no such schedule");
  const absl::Status status = RegisterJob(At({server_->addresses()[0], "127.0.0.1:1"}), other, "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
}

TEST_F(ServerCallsTest, StatisticsAreOfTheJobThatIsNamed) {
  ASSERT_TRUE(RegisterJob(At(server_->addresses()), job_.spec, "first run").ok());
  const auto bytes = GetServerStats(At(server_->addresses()), job_.spec.digest().Hex().substr(0, 12), true);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  v1::GetStatsResponse stats;
  ASSERT_TRUE(stats.ParseFromString(*bytes));
  ASSERT_EQ(stats.jobs_size(), 1);
  EXPECT_EQ(stats.jobs(0).label(), "first run");
  EXPECT_EQ(GetServerStats(At(server_->addresses()), "0123456789", true).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace grouter
