#include "server/stream/get_plan_call.h"

#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

class GetPlanCallTest : public RawClientTest {
 protected:
  grpc::Status Get(const v1::GetPlanRequest& request, std::string* payload) {
    grpc::ClientContext context;
    const auto reader = plans_->GetPlan(&context, request);
    v1::GetPlanResponse response;
    payload->clear();
    while (reader->Read(&response)) {
      for (const auto& frame : response.frames()) *payload += frame.data();
    }
    return reader->Finish();
  }
  v1::GetPlanRequest Request(uint64_t step, uint32_t rank) {
    v1::GetPlanRequest request;
    request.set_job_digest(digest_);
    request.set_step(step);
    request.set_rank(rank);
    return request;
  }
};

TEST_F(GetPlanCallTest, GivesThePartsOfAStep) {
  ServeWithJob();
  const auto oracle = job_.Local(1);
  const std::string step = testing::StepBytes(oracle.get(), 4);
  const std::string first = testing::MicroBatchBytes(oracle.get(), 4, 0);
  const std::string second = testing::MicroBatchBytes(oracle.get(), 4, 1);
  std::string payload;
  v1::GetPlanRequest request = Request(4, 1);
  ASSERT_TRUE(Get(request, &payload).ok());
  EXPECT_EQ(payload, step + first + second);
  request.set_sections(v1::PLAN_SECTIONS_STEP);
  ASSERT_TRUE(Get(request, &payload).ok());
  EXPECT_EQ(payload, step);
  request.set_sections(v1::PLAN_SECTIONS_MICRO_BATCHES);
  ASSERT_TRUE(Get(request, &payload).ok());
  EXPECT_EQ(payload, first + second);
  request.set_micro_batch(0);
  request.set_payload_offset_bytes(9);
  ASSERT_TRUE(Get(request, &payload).ok());
  EXPECT_EQ(payload, first.substr(9));
}

TEST_F(GetPlanCallTest, WrongKeysHaveTheirCodes) {
  ServeWithJob();
  std::string payload;
  EXPECT_EQ(Get(Request(6, 0), &payload).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_NE(Get(Request(6, 0), &payload).error_message().find("last is 5"), std::string::npos);
  EXPECT_EQ(Get(Request(0, 2), &payload).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  v1::GetPlanRequest request = Request(0, 0);
  request.set_micro_batch(2);
  EXPECT_EQ(Get(request, &payload).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  request.set_micro_batch(UINT32_MAX);
  EXPECT_EQ(Get(request, &payload).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Request(0, 0);
  request.mutable_layer_groups()->set_first(7);
  EXPECT_EQ(Get(request, &payload).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  request.set_job_digest(std::string(64, 'a'));
  EXPECT_EQ(Get(request, &payload).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace grouter
