#include "proto/status.h"

#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(StatusTest, CodesMessagesAndDetailsSurviveTheWire) {
  const absl::Status sent =
      WithRetryDelay(WithReason(absl::UnavailableError("away"), "DRAINING"), std::chrono::milliseconds(1500));
  const absl::Status received = FromGrpcStatus(ToGrpcStatus(sent));
  EXPECT_EQ(received.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(received.message(), "away");
  EXPECT_EQ(ReasonOf(received), "DRAINING");
  EXPECT_EQ(RetryDelayOf(received), std::chrono::milliseconds(1500));
}

TEST(StatusTest, OkStaysOkAndPlainStatusesHaveNoDetails) {
  EXPECT_TRUE(FromGrpcStatus(ToGrpcStatus(absl::OkStatus())).ok());
  EXPECT_EQ(ToGrpcStatus(absl::NotFoundError("x")).error_details(), "");
  EXPECT_EQ(ReasonOf(absl::NotFoundError("x")), "");
  EXPECT_EQ(RetryDelayOf(absl::NotFoundError("x")).count(), 0);
}

TEST(StatusTest, BadRequestNamesEveryField) {
  const absl::Status status = BadRequest({{"spec.ep_size", "is 0"}, {"spec.seed", "is odd"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "spec.ep_size: is 0; spec.seed: is odd");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(ToGrpcStatus(status).error_details()));
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.BadRequest");
}

TEST(StatusTest, DetailsThatAreNoneAreLeftOut) {
  const grpc::Status odd(grpc::StatusCode::INTERNAL, "x", "\xff\xff not a status");
  EXPECT_EQ(FromGrpcStatus(odd).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace grouter
