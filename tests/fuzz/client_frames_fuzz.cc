// What a server sends: frames, and the parts put together from them.
#include <cstdint>
#include <vector>

#include "client/stream/plan_buffer.h"
#include "io/error.h"
#include "proto/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  grpc::Slice slice(data, size);
  grpc::ByteBuffer message(&slice, 1);
  grouter::PlanIdentity identity;
  identity.num_steps = 4;
  identity.num_micro_batches = 2;
  identity.max_part_bytes = 1 << 16;
  grouter::PartAssembler assembler(identity, {0, 0});
  uint64_t placed = 0;
  const absl::Status status =
      grouter::ReadFrames(&message, [&](const grouter::FrameHeader& header) -> absl::StatusOr<char*> {
        if (assembler.IsWhole()) GROUTER_RETURN_IF_ERROR(assembler.Take().status());
        placed += header.data_bytes;
        return assembler.Place(header);
      });
  if (status.ok()) GROUTER_CHECK(placed <= size);
  if (status.ok() && assembler.IsWhole()) (void)assembler.Take();
  return 0;
}
