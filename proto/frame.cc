#include "proto/frame.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "io/error.h"

namespace grouter {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint64_t kReferFrom = 4096;  // smaller pieces are cheaper to copy than to track

// Tags: field number << 3 | wire type.
constexpr uint32_t kFramesTag = 1 << 3 | 2;
constexpr uint32_t kPositionTag = 1 << 3 | 2;
constexpr uint32_t kPayloadBytesTag = 2 << 3 | 0;
constexpr uint32_t kDataTag = 3 << 3 | 2;
constexpr uint32_t kStepTag = 1 << 3 | 0;
constexpr uint32_t kMicroBatchTag = 2 << 3 | 0;
constexpr uint32_t kOffsetTag = 3 << 3 | 0;

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void PutField(uint32_t tag, uint64_t value, std::string* out) {
  PutVarint(tag, out);
  PutVarint(value, out);
}

std::string EncodePosition(const FrameHeader& header) {
  std::string position;
  if (header.step != 0) PutField(kStepTag, header.step, &position);
  if (header.part != 0) PutField(kMicroBatchTag, header.part - 1, &position);
  if (header.payload_offset != 0) PutField(kOffsetTag, header.payload_offset, &position);
  return position;
}

void ReleaseString(void* bytes) { delete static_cast<std::string*>(bytes); }

void ReleaseOwner(void* owner) { delete static_cast<std::shared_ptr<const void>*>(owner); }

absl::Status BadMessage(const char* what) {
  return Error(absl::StatusCode::kInvalidArgument, what, "plan message",
               "Use a client and server of one version.");
}

bool ReadPosition(CodedInputStream* in, FrameHeader* header) {
  uint32_t length = 0;
  if (!in->ReadVarint32(&length)) return false;
  const auto limit = in->PushLimit(static_cast<int>(length));
  while (const uint32_t tag = in->ReadTag()) {
    uint64_t value = 0;
    if (tag == kStepTag) {
      if (!in->ReadVarint64(&header->step)) return false;
    } else if (tag == kMicroBatchTag) {
      if (!in->ReadVarint64(&value) || value >= UINT32_MAX) return false;
      header->part = static_cast<PartIndex>(value + 1);
    } else if (tag == kOffsetTag) {
      if (!in->ReadVarint64(&header->payload_offset)) return false;
    } else if (!WireFormatLite::SkipField(in, tag)) {
      return false;
    }
  }
  const bool whole = in->ConsumedEntireMessage() && in->BytesUntilLimit() == 0;
  in->PopLimit(limit);
  return whole;
}

// Takes header.data_bytes from the stream.
using TakeData = std::function<absl::Status(CodedInputStream* in, const FrameHeader& header)>;

absl::Status ReadFrame(CodedInputStream* in, const TakeData& take) {
  uint32_t length = 0;
  if (!in->ReadVarint32(&length)) return BadMessage("a frame without a length");
  const auto limit = in->PushLimit(static_cast<int>(length));
  FrameHeader header;
  bool has_position = false;
  bool has_data = false;
  while (const uint32_t tag = in->ReadTag()) {
    if (tag == kPositionTag) {
      if (!ReadPosition(in, &header)) return BadMessage("a damaged position");
      has_position = true;
    } else if (tag == kPayloadBytesTag) {
      if (!in->ReadVarint64(&header.payload_bytes)) return BadMessage("a damaged payload length");
    } else if (tag == kDataTag) {
      uint32_t data_bytes = 0;
      if (!has_position || has_data || !in->ReadVarint32(&data_bytes) ||
          in->BytesUntilLimit() < static_cast<int64_t>(data_bytes)) {
        return BadMessage("frame data before its position, twice, or too long");
      }
      has_data = true;
      header.data_bytes = data_bytes;
      GROUTER_RETURN_IF_ERROR(take(in, header));
    } else if (!WireFormatLite::SkipField(in, tag)) {
      return BadMessage("a damaged frame");
    }
  }
  if (!in->ConsumedEntireMessage() || in->BytesUntilLimit() != 0) return BadMessage("a damaged frame");
  in->PopLimit(limit);
  if (!has_data && has_position) GROUTER_RETURN_IF_ERROR(take(in, header));
  return absl::OkStatus();
}

absl::Status ReadMessage(grpc::ByteBuffer* message, const TakeData& take) {
  grpc::ProtoBufferReader reader(message);
  if (!reader.status().ok()) return BadMessage("an unreadable message");
  CodedInputStream in(&reader);
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == kFramesTag) {
      GROUTER_RETURN_IF_ERROR(ReadFrame(&in, take));
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return BadMessage("a damaged message");
    }
  }
  return in.ConsumedEntireMessage() ? absl::OkStatus() : BadMessage("a message cut short");
}

}  // namespace

void FrameMessage::FlushCopied() {
  if (copied_.empty()) return;
  if (copied_.size() < kReferFrom / 4) {
    slices_.emplace_back(copied_);
    copied_.clear();
    return;
  }
  auto* owned = new std::string(std::move(copied_));
  slices_.emplace_back(&(*owned)[0], owned->size(), ReleaseString, owned);
  copied_ = std::string();
}

void FrameMessage::Add(const FrameHeader& header, const std::vector<absl::string_view>& pieces,
                       const std::shared_ptr<const void>& owner) {
  const std::string position = EncodePosition(header);
  std::string frame;
  PutField(kPositionTag, position.size(), &frame);
  frame += position;
  if (header.payload_bytes != 0) PutField(kPayloadBytesTag, header.payload_bytes, &frame);
  PutField(kDataTag, header.data_bytes, &frame);
  PutField(kFramesTag, frame.size() + header.data_bytes, &copied_);
  uint64_t small = frame.size();
  for (const absl::string_view piece : pieces) small += piece.size() < kReferFrom ? piece.size() : 0;
  if (copied_.capacity() - copied_.size() < small) copied_.reserve(2 * copied_.size() + small + 64);
  copied_ += frame;
  for (const absl::string_view piece : pieces) {
    if (piece.size() < kReferFrom) {
      copied_.append(piece.data(), piece.size());
      continue;
    }
    FlushCopied();
    slices_.emplace_back(const_cast<char*>(piece.data()), piece.size(), ReleaseOwner,
                         new std::shared_ptr<const void>(owner));
  }
  payload_bytes_ += header.data_bytes;
}

grpc::ByteBuffer FrameMessage::Take() {
  FlushCopied();
  grpc::ByteBuffer message(slices_.data(), slices_.size());
  slices_.clear();
  payload_bytes_ = 0;
  return message;
}

absl::Status ReadFrames(grpc::ByteBuffer* message,
                        const std::function<absl::StatusOr<char*>(const FrameHeader&)>& place) {
  return ReadMessage(message, [&](CodedInputStream* in, const FrameHeader& header) -> absl::Status {
    GROUTER_ASSIGN_OR_RETURN(char* destination, place(header));
    return in->ReadRaw(destination, static_cast<int>(header.data_bytes)) ? absl::OkStatus()
                                                                         : BadMessage("frame data cut short");
  });
}

absl::Status VisitFrames(
    grpc::ByteBuffer* message,
    const std::function<absl::Status(const FrameHeader&, absl::string_view piece, bool first)>& visit) {
  return ReadMessage(message, [&](CodedInputStream* in, const FrameHeader& header) -> absl::Status {
    if (header.data_bytes == 0) return visit(header, absl::string_view(), true);
    for (uint64_t left = header.data_bytes; left > 0;) {
      const void* bytes = nullptr;
      int size = 0;
      if (!in->GetDirectBufferPointer(&bytes, &size)) return BadMessage("frame data cut short");
      const uint64_t taken = std::min<uint64_t>(left, static_cast<uint64_t>(size));
      GROUTER_RETURN_IF_ERROR(visit(header, absl::string_view(static_cast<const char*>(bytes), taken),
                                    left == header.data_bytes));
      if (!in->Skip(static_cast<int>(taken))) return BadMessage("frame data cut short");
      left -= taken;
    }
    return absl::OkStatus();
  });
}

}  // namespace grouter
