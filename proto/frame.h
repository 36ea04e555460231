// Plan frames on the wire, without a copy on the sending side and with one on the receiving side. The bytes
// are those of grouter.v1.StreamPlansResponse and GetPlanResponse (field 1, repeated PlanFrame): a generated
// client reads the same messages.
#ifndef GROUTER_PROTO_FRAME_H_
#define GROUTER_PROTO_FRAME_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace grouter {

// Payload bytes of one message, over all its frames.
inline constexpr uint64_t kMaxMessagePayload = 1 << 20;
// Where a part stands among its step's: 0 is the step part, 1 + m micro-batch m's.
using PartIndex = uint32_t;

struct FrameHeader {
  uint64_t step = 0;
  PartIndex part = 0;
  uint64_t payload_offset = 0;  // bytes, of the frame's first byte
  uint64_t payload_bytes = 0;   // of the whole part
  uint64_t data_bytes = 0;      // of this frame
};

// Builds one message. One thread at a time.
class FrameMessage {
 public:
  // `pieces` together are header.data_bytes long. Pieces of 4 KiB and more are referred to, not copied:
  // `owner` is held until the transport has let go of the last of them, which is after the write completed.
  void Add(const FrameHeader& header, const std::vector<absl::string_view>& pieces,
           const std::shared_ptr<const void>& owner);
  bool empty() const { return slices_.empty() && copied_.empty(); }
  uint64_t payload_bytes() const { return payload_bytes_; }
  grpc::ByteBuffer Take();

 private:
  void FlushCopied();
  std::string copied_;
  std::vector<grpc::Slice> slices_;
  uint64_t payload_bytes_ = 0;
};

// Reads a message frame by frame: `place` is told a frame's header and answers where its data_bytes go; an
// error of it ends the reading. INVALID_ARGUMENT for bytes that are no such message, or whose frame has its
// data before its position. Unknown fields are skipped.
absl::Status ReadFrames(grpc::ByteBuffer* message,
                        const std::function<absl::StatusOr<char*>(const FrameHeader&)>& place);

// The same without a copy: `visit` gets each frame's data where it lies in the message, in one piece or in
// several, in order; `first` is true for a frame's first piece (an empty frame has one empty piece). The
// bytes live as long as `message` does.
absl::Status VisitFrames(
    grpc::ByteBuffer* message,
    const std::function<absl::Status(const FrameHeader&, absl::string_view piece, bool first)>& visit);

}  // namespace grouter

#endif  // GROUTER_PROTO_FRAME_H_
