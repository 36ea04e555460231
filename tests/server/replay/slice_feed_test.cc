#include "server/replay/slice_feed.h"

#include <map>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/serving/served_job.h"

namespace grouter {
namespace {

class SliceFeedTest : public ::testing::Test {
 protected:
  // All pieces of a slice.
  std::vector<v1::ReplayPiece> Pieces(const v1::GetSliceRequest& request) {
    const auto feed = SliceFeed::Create(request, table_);
    EXPECT_TRUE(feed.ok()) << feed.status();
    std::vector<v1::ReplayPiece> pieces;
    v1::GetSliceResponse message;
    uint64_t bytes = 0;
    for (;;) {
      const auto more = (*feed)->Next(&message);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) break;
      uint64_t message_bytes = 0;
      for (const v1::ReplayPiece& piece : message.pieces()) {
        pieces.push_back(piece);
        message_bytes += piece.ids().size() + piece.weights().size() + piece.num_topk().size();
      }
      EXPECT_LE(message_bytes, kMaxSliceMessageBytes);
      bytes += message_bytes;
    }
    EXPECT_EQ(bytes, (*feed)->head().payload_bytes());
    return pieces;
  }
  void ExpectIsTheTables(const v1::ReplayPiece& piece) {
    const RouteView whole = *table_->Routes(piece.sample(), piece.layer_group());
    const RouteView expected = whole.Slice(piece.first_token(), piece.num_tokens());
    EXPECT_EQ(piece.ids(), expected.ids);
    EXPECT_EQ(piece.weights(), expected.weights);
  }
  absl::Status Refusal(const v1::GetSliceRequest& request) {
    return SliceFeed::Create(request, table_).status();
  }

  const testing::ServedJob job_ = testing::MakeServedJob();
  const std::shared_ptr<const RoutingTable> table_ = job_.tables[0];
};

TEST_F(SliceFeedTest, WithoutASelectionItIsTheWholeTable) {
  const auto pieces = Pieces({});
  EXPECT_EQ(pieces.size(), table_->num_samples() * table_->header().num_layer_groups);
  for (const v1::ReplayPiece& piece : pieces) ExpectIsTheTables(piece);
}

TEST_F(SliceFeedTest, SamplesComeInTheOrderAskedFor) {
  v1::GetSliceRequest request;
  for (const uint64_t sample : {9, 2, 9}) request.mutable_sample_list()->add_samples(sample);
  request.mutable_layer_groups()->set_first(1);
  const auto pieces = Pieces(request);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].sample(), 9u);
  EXPECT_EQ(pieces[1].sample(), 2u);
  EXPECT_EQ(pieces[2].sample(), 9u);
  for (const v1::ReplayPiece& piece : pieces) EXPECT_EQ(piece.layer_group(), 1u);
}

TEST_F(SliceFeedTest, AllRanksMicroBatchesAndStagesTogetherHoldEveryRouteOnce) {
  Random random(3);
  for (int round = 0; round < 20; ++round) {
    const uint32_t data = 1 + random.Below(4), micro = 1 + random.Below(3), context = 1 + random.Below(3),
                   sequence = 1 + random.Below(3), stages = 1 + random.Below(2);
    std::map<std::pair<uint64_t, uint32_t>, std::multiset<uint32_t>> seen;
    v1::GetSliceRequest r;
    for (uint32_t d = 0; d < data; ++d)
      for (uint32_t m = 0; m < micro; ++m)
        for (uint32_t c = 0; c < context; ++c)
          for (uint32_t t = 0; t < sequence; ++t)
            for (uint32_t stage = 0; stage < stages; ++stage) {
              r.mutable_even_split()->set_data_parallel_rank(d);
              r.mutable_even_split()->set_data_parallel_size(data);
              r.mutable_even_split()->set_micro_batch(m);
              r.mutable_even_split()->set_num_micro_batches(micro);
              r.mutable_token_split()->set_context_parallel_rank(c);
              r.mutable_token_split()->set_context_parallel_size(context);
              r.mutable_token_split()->set_sequence_parallel_rank(t);
              r.mutable_token_split()->set_sequence_parallel_size(sequence);
              r.mutable_layer_groups()->set_first(stages == 1 ? 0 : stage);
              r.mutable_layer_groups()->set_count(stages == 1 ? 0 : 1);
              for (const v1::ReplayPiece& piece : Pieces(r)) {
                ExpectIsTheTables(piece);
                for (uint32_t i = 0; i < piece.num_tokens(); ++i) {
                  seen[{piece.sample(), piece.layer_group()}].insert(piece.first_token() + i);
                }
              }
            }
    EXPECT_EQ(seen.size(), table_->num_samples() * 2);
    for (const auto& [key, tokens] : seen) {
      EXPECT_EQ(tokens.size(), table_->facts(key.first).length);
      EXPECT_EQ(std::set<uint32_t>(tokens.begin(), tokens.end()).size(), tokens.size());
    }
  }
}

TEST_F(SliceFeedTest, ALargeSampleIsCutIntoMessages) {
  testing::ServedJobOptions large;
  large.num_samples = 1;
  large.sample_length = 300000;
  large.samples_per_step = 1;
  const testing::ServedJob job = testing::MakeServedJob(large);
  const auto feed = SliceFeed::Create({}, job.tables[0]);
  ASSERT_TRUE(feed.ok());
  v1::GetSliceResponse message;
  uint32_t next_token = 0;
  int messages = 0;
  while (*(*feed)->Next(&message)) {
    ++messages;
    for (const v1::ReplayPiece& piece : message.pieces()) {
      if (piece.layer_group() != 0) continue;
      EXPECT_EQ(piece.first_token(), next_token);
      EXPECT_EQ(piece.first_local_token(), next_token);
      next_token += piece.num_tokens();
    }
  }
  EXPECT_EQ(next_token, 300000u);
  EXPECT_GT(messages, 4);
}

TEST_F(SliceFeedTest, WhatDoesNotExistIsRefused) {
  v1::GetSliceRequest request;
  request.set_table_digest(std::string(64, 'a'));
  EXPECT_EQ(Refusal(request).code(), absl::StatusCode::kFailedPrecondition);
  request.set_table_digest(table_->content_digest().Hex());
  EXPECT_TRUE(Refusal(request).ok());
  request.mutable_sample_list()->add_samples(table_->num_samples());
  EXPECT_EQ(Refusal(request).code(), absl::StatusCode::kOutOfRange);
  request.clear_samples();
  request.mutable_even_split()->set_data_parallel_rank(2);
  request.mutable_even_split()->set_data_parallel_size(2);
  EXPECT_EQ(Refusal(request).code(), absl::StatusCode::kInvalidArgument);
  request.clear_samples();
  request.mutable_layer_groups()->set_first(2);
  EXPECT_EQ(Refusal(request).code(), absl::StatusCode::kOutOfRange);
  request.mutable_layer_groups()->set_first(1);
  request.mutable_layer_groups()->set_count(UINT32_MAX);
  EXPECT_EQ(Refusal(request).code(), absl::StatusCode::kOutOfRange);
  request.clear_layer_groups();
  request.mutable_token_split()->set_context_parallel_rank(1);
  EXPECT_EQ(Refusal(request).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
