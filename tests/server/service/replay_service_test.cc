#include "server/service/replay_service.h"

#include "proto/status.h"
#include "tests/server/replay/rollout.h"
#include "tests/server/stream/raw_client.h"

namespace grouter {
namespace {

using testing::Rollout;

class ReplayServiceTest : public RawClientTest {
 protected:
  void SetUp() override {
    // Over a unix socket, as the owner, who may ingest.
    server::ServerConfig config = testing::TestConfig(job_.root);
    config.set_listen(0, "unix:" + folder_.path() + "/socket");
    config.add_listen("127.0.0.1:0");
    Serve(config);
    replay_ = v1::ReplayService::NewStub(channel_);
  }
  // Sends every message, whatever becomes of the call.
  grpc::Status Send(const std::vector<v1::IngestBatchRequest>& messages, v1::IngestBatchResponse* response) {
    grpc::ClientContext context;
    const auto writer = replay_->IngestBatch(&context, response);
    for (const v1::IngestBatchRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }
  std::vector<v1::IngestBatchRequest> Messages(const Rollout& rollout, uint64_t batch) {
    std::vector<v1::IngestBatchRequest> messages(1);
    *messages[0].mutable_open() = rollout.Open("actor", batch);
    for (uint32_t s = 0; s < rollout.lengths.size(); ++s) {
      messages.emplace_back();
      *messages.back().add_routes() = rollout.Routes(s, 0, rollout.lengths[s]);
    }
    messages.back().set_seal(true);
    return messages;
  }
  grpc::Status Slice(const v1::GetSliceRequest& request, std::vector<v1::GetSliceResponse>* messages) {
    grpc::ClientContext context;
    const auto reader = replay_->GetSlice(&context, request);
    messages->emplace_back();
    while (reader->Read(&messages->back())) messages->emplace_back();
    messages->pop_back();
    return reader->Finish();
  }
  static v1::GetSliceRequest Key(uint64_t batch) {
    v1::GetSliceRequest request;
    request.set_series("actor");
    request.set_batch(batch);
    return request;
  }

  std::unique_ptr<v1::ReplayService::Stub> replay_;
};

TEST_F(ReplayServiceTest, WhatWasIngestedComesBackByKeyInAnyOrder) {
  for (const uint64_t batch : {3, 1, 2}) {
    Rollout rollout;
    rollout.salt = static_cast<uint32_t>(batch);
    v1::IngestBatchResponse response;
    const grpc::Status sent = Send(Messages(rollout, batch), &response);
    ASSERT_TRUE(sent.ok()) << sent.error_message();
    EXPECT_EQ(response.batch().num_samples(), 3u);
    EXPECT_FALSE(response.already_sealed());
  }
  for (const uint64_t batch : {2, 3, 1, 2}) {
    Rollout rollout;
    rollout.salt = static_cast<uint32_t>(batch);
    std::vector<v1::GetSliceResponse> messages;
    ASSERT_TRUE(Slice(Key(batch), &messages).ok());
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(messages[0].head().samples_size(), 3);
    EXPECT_EQ(messages[0].pieces_size(), 0);
    ASSERT_EQ(messages[1].pieces_size(), 9);
    for (const v1::ReplayPiece& piece : messages[1].pieces()) {
      for (uint32_t t = 0; t < piece.num_tokens(); ++t) {
        EXPECT_EQ(static_cast<uint8_t>(piece.ids()[2 * t]),
                  rollout.Id(piece.sample(), t, piece.layer_group(), 0));
      }
    }
  }
}

TEST_F(ReplayServiceTest, ABatchThatIsNotSealedYetSaysWhenToAskAgain) {
  std::vector<v1::GetSliceResponse> messages;
  const grpc::Status status = Slice(Key(9), &messages);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_GT(RetryDelayOf(FromGrpcStatus(status)).count(), 0);
}

TEST_F(ReplayServiceTest, AStreamThatEndsBeforeSealLeavesNothing) {
  std::vector<v1::IngestBatchRequest> messages = Messages(Rollout(), 1);
  messages.back().set_seal(false);
  v1::IngestBatchResponse response;
  EXPECT_EQ(Send(messages, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  std::vector<v1::GetSliceResponse> slice;
  EXPECT_EQ(Slice(Key(1), &slice).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ReplayServiceTest, AClientThatLeavesLeavesNothing) {
  {
    grpc::ClientContext context;
    v1::IngestBatchResponse response;
    const auto writer = replay_->IngestBatch(&context, &response);
    const auto messages = Messages(Rollout(), 1);
    writer->Write(messages[0]);
    writer->Write(messages[1]);
    context.TryCancel();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // The name is free again: nothing of the first try is in the way.
  v1::IngestBatchResponse response;
  const grpc::Status sent = Send(Messages(Rollout(), 1), &response);
  EXPECT_TRUE(sent.ok()) << sent.error_message();
  EXPECT_FALSE(response.already_sealed());
}

TEST_F(ReplayServiceTest, TheOpeningComesFirstAndOnce) {
  std::vector<v1::IngestBatchRequest> messages = Messages(Rollout(), 1);
  *messages[1].mutable_open() = messages[0].open();
  v1::IngestBatchResponse response;
  EXPECT_EQ(Send(messages, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  messages = Messages(Rollout(), 1);
  messages.erase(messages.begin());
  EXPECT_EQ(Send(messages, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ReplayServiceTest, IngestAndDropNeedAPrincipalOnLoopbackToo) {
  v1::IngestBatchResponse response;
  ASSERT_TRUE(Send(Messages(Rollout(), 1), &response).ok());
  replay_ = v1::ReplayService::NewStub(
      grpc::CreateChannel(server_->addresses()[1], grpc::InsecureChannelCredentials()));
  EXPECT_EQ(Send(Messages(Rollout(), 2), &response).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext context;
  v1::DropBatchRequest drop;
  drop.set_series("actor");
  drop.set_batch(1);
  v1::DropBatchResponse dropped;
  EXPECT_EQ(replay_->DropBatch(&context, drop, &dropped).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  std::vector<v1::GetSliceResponse> messages;
  EXPECT_TRUE(Slice(Key(1), &messages).ok());
}

TEST_F(ReplayServiceTest, ASeriesThatIsNotForTheCallerLooksUnsealed) {
  v1::IngestBatchResponse response;
  ASSERT_TRUE(Send(Messages(Rollout(), 1), &response).ok());
  std::vector<v1::GetSliceResponse> messages;
  server::ServerConfig config = testing::TestConfig(job_.root);
  for (auto& rule : *config.mutable_access()) rule.set_tables(0, "replay/critic/*");
  ASSERT_TRUE(server_->Reload(config).ok());
  const grpc::Status forbidden = Slice(Key(1), &messages);
  ASSERT_TRUE(server_->Reload(testing::TestConfig(job_.root)).ok());
  EXPECT_EQ(forbidden.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(forbidden.error_message(), ReplayStore::NotSealed({"actor", 1}).message());
  EXPECT_EQ(Slice(Key(9), &messages).error_message(), ReplayStore::NotSealed({"actor", 9}).message());
}

TEST_F(ReplayServiceTest, ListsAndDropsBatches) {
  v1::IngestBatchResponse response;
  ASSERT_TRUE(Send(Messages(Rollout(), 4), &response).ok());
  v1::ListBatchesRequest list;
  list.set_series("actor");
  v1::ListBatchesResponse listed;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(replay_->ListBatches(&context, list, &listed).ok());
  }
  ASSERT_EQ(listed.batches_size(), 1);
  EXPECT_EQ(listed.batches(0).batch(), 4u);
  EXPECT_EQ(listed.batches(0).table_digest(), response.batch().table_digest());
  const auto drop = [&] {
    grpc::ClientContext context;
    v1::DropBatchRequest request;
    request.set_series("actor");
    request.set_batch(4);
    v1::DropBatchResponse dropped;
    return replay_->DropBatch(&context, request, &dropped).error_code();
  };
  EXPECT_EQ(drop(), grpc::StatusCode::OK);
  EXPECT_EQ(drop(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace grouter
