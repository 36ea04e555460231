#include "proto/frame.h"

#include <algorithm>
#include <map>

#include "grouter/v1/plan_service.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

std::string Bytes(grpc::ByteBuffer* buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer->Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

grpc::ByteBuffer Buffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status ReadNothing(const std::string& bytes) {
  grpc::ByteBuffer buffer = Buffer(bytes);
  std::string place(1 << 16, 0);
  return ReadFrames(&buffer, [&](const FrameHeader& header) -> absl::StatusOr<char*> {
    if (header.data_bytes > place.size()) return absl::OutOfRangeError("too long");
    return &place[0];
  });
}

TEST(FrameTest, AGeneratedClientReadsTheSameMessage) {
  const std::string large(10000, 'x');
  const auto owner = std::make_shared<std::string>(large);
  FrameMessage message;
  message.Add({7, 0, 0, 5, 5}, {"hello"}, owner);
  message.Add({7, 3, 100, 20003, 10003}, {"abc", *owner}, owner);
  EXPECT_EQ(message.payload_bytes(), 10008u);
  grpc::ByteBuffer buffer = message.Take();
  v1::StreamPlansResponse response;
  ASSERT_TRUE(response.ParseFromString(Bytes(&buffer)));
  ASSERT_EQ(response.frames_size(), 2);
  EXPECT_EQ(response.frames(0).position().step(), 7u);
  EXPECT_FALSE(response.frames(0).position().has_micro_batch());
  EXPECT_EQ(response.frames(0).data(), "hello");
  EXPECT_EQ(response.frames(1).position().micro_batch(), 2u);
  EXPECT_EQ(response.frames(1).position().payload_offset_bytes(), 100u);
  EXPECT_EQ(response.frames(1).payload_bytes(), 20003u);
  EXPECT_EQ(response.frames(1).data(), "abc" + large);
  EXPECT_EQ(response.SerializeAsString(), Bytes(&buffer));
}

TEST(FrameTest, LargePiecesAreReferredToAndTheirOwnerIsHeldAsLong) {
  auto owner = std::make_shared<std::string>(8192, 'y');
  const std::weak_ptr<std::string> watch = owner;
  FrameMessage message;
  message.Add({0, 1, 0, 8192, 8192}, {*owner}, owner);
  {
    grpc::ByteBuffer buffer = message.Take();
    const char* mapped = owner->data();
    owner.reset();
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(buffer.Dump(&slices).ok());
    bool referred = false;
    for (const grpc::Slice& slice : slices)
      referred = referred || reinterpret_cast<const char*>(slice.begin()) == mapped;
    EXPECT_TRUE(referred);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(FrameTest, FramesOfAnyShapeComeBack) {
  Random random(11);
  for (int round = 0; round < 200; ++round) {
    FrameMessage message;
    std::vector<std::pair<FrameHeader, std::string>> sent;
    const uint64_t frames = 1 + random.Below(6);
    for (uint64_t f = 0; f < frames; ++f) {
      const auto data = std::make_shared<std::string>(random.Below(20000), static_cast<char>('a' + f));
      const uint64_t cut = random.Below(data->size() + 1);
      FrameHeader header{random.Next() >> random.Below(64), static_cast<PartIndex>(random.Below(5)),
                         random.Next() >> random.Below(64), random.Next() >> random.Below(64), data->size()};
      message.Add(header, {absl::string_view(*data).substr(0, cut), absl::string_view(*data).substr(cut)},
                  data);
      sent.push_back({header, *data});
    }
    grpc::ByteBuffer buffer = message.Take();
    std::vector<std::pair<FrameHeader, std::shared_ptr<std::string>>> received;
    ASSERT_TRUE(ReadFrames(&buffer, [&](const FrameHeader& header) -> absl::StatusOr<char*> {
                  received.push_back({header, std::make_shared<std::string>(header.data_bytes, 0)});
                  return &(*received.back().second)[0];
                }).ok());
    ASSERT_EQ(received.size(), sent.size());
    for (size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(received[i].first.step, sent[i].first.step);
      EXPECT_EQ(received[i].first.part, sent[i].first.part);
      EXPECT_EQ(received[i].first.payload_offset, sent[i].first.payload_offset);
      EXPECT_EQ(received[i].first.payload_bytes, sent[i].first.payload_bytes);
      EXPECT_EQ(*received[i].second, sent[i].second);
    }
  }
}

TEST(FrameTest, UnknownFieldsAreSkipped) {
  v1::StreamPlansResponse response;
  v1::PlanFrame* frame = response.add_frames();
  frame->mutable_position()->set_step(3);
  frame->set_payload_bytes(2);
  frame->set_data("ok");
  const std::string bytes = response.SerializeAsString() + std::string("\xfa\x3f\x03new", 6);
  EXPECT_TRUE(ReadNothing(bytes).ok());
}

TEST(FrameTest, DamagedMessagesAreErrors) {
  v1::StreamPlansResponse response;
  v1::PlanFrame* frame = response.add_frames();
  frame->mutable_position()->set_step(300);
  frame->set_payload_bytes(200);
  frame->set_data(std::string(200, 'z'));
  const std::string whole = response.SerializeAsString();
  EXPECT_TRUE(ReadNothing(whole).ok());
  for (size_t cut = 1; cut < whole.size(); ++cut) EXPECT_FALSE(ReadNothing(whole.substr(0, cut)).ok()) << cut;
  // Data before its position.
  EXPECT_EQ(ReadNothing(std::string("\x0a\x04\x1a\x02hi", 6)).code(), absl::StatusCode::kInvalidArgument);
}

TEST(FrameTest, VisitingSeesTheSameBytesWhereTheyLieHoweverTheMessageIsCut) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    FrameMessage message;
    std::map<uint64_t, std::string> expected;  // by step
    for (uint64_t step = 0; step < 4; ++step) {
      std::string data(random.Below(9000), '\0');
      for (char& c : data) c = static_cast<char>(random.Below(256));
      message.Add({step, 1, 0, data.size(), data.size()}, {data}, std::make_shared<std::string>());
      expected[step] = data;
      grpc::ByteBuffer copied = message.Take();  // before `data` goes
      const std::string bytes = Bytes(&copied);
      std::vector<grpc::Slice> slices;
      for (size_t at = 0; at < bytes.size();) {
        const size_t size = std::min<size_t>(bytes.size() - at, 1 + random.Below(4000));
        slices.emplace_back(bytes.substr(at, size));
        at += size;
      }
      grpc::ByteBuffer cut(slices.data(), slices.size());
      std::string seen;
      int firsts = 0;
      ASSERT_TRUE(VisitFrames(&cut, [&](const FrameHeader& header, absl::string_view piece, bool first) {
                    EXPECT_EQ(header.step, step);
                    EXPECT_EQ(header.data_bytes, expected[step].size());
                    firsts += first ? 1 : 0;
                    seen.append(piece.data(), piece.size());
                    return absl::OkStatus();
                  }).ok());
      EXPECT_EQ(seen, expected[step]);
      EXPECT_EQ(firsts, 1);
    }
  }
}

TEST(FrameTest, AVisitorsErrorEndsTheReading) {
  FrameMessage message;
  message.Add({1, 0, 0, 2, 2}, {"ab"}, std::make_shared<std::string>());
  grpc::ByteBuffer buffer = message.Take();
  EXPECT_EQ(VisitFrames(&buffer, [](const FrameHeader&, absl::string_view,
                                    bool) { return absl::DataLossError("enough"); })
                .code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace grouter
