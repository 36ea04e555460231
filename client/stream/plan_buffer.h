// What a plan stream has brought and nobody has asked for yet: puts frames together, checks finished parts,
// and says how much more may come. No sockets, no threads of its own.
#ifndef GROUTER_CLIENT_STREAM_PLAN_BUFFER_H_
#define GROUTER_CLIENT_STREAM_PLAN_BUFFER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "proto/frame.h"
#include "routing/planning/plan.h"

namespace grouter {

// (step, part): part 0 is the step part, 1 + m micro-batch m.
using PartName = std::pair<uint64_t, PartIndex>;

// One part, checked. Exactly one of the two is set.
struct CheckedPart {
  std::shared_ptr<const StepPart> step;
  std::shared_ptr<const MicroBatchPlan> micro_batch;
  uint64_t payload_bytes = 0;
};

// What a plan must agree with.
struct PlanIdentity {
  uint32_t rank = 0;
  uint64_t num_steps = 0;
  uint32_t num_micro_batches = 0;
  uint64_t max_part_bytes = 0;
};

// Decodes a whole payload and checks it with the certificate. DATA_LOSS for a plan that does not hold or is
// another than `name`.
absl::StatusOr<CheckedPart> CheckPart(const PartName& name, const PlanIdentity& identity,
                                      std::shared_ptr<const char[]> payload, uint64_t num_bytes);

// The part that is being received. One thread at a time.
class PartAssembler {
 public:
  PartAssembler(PlanIdentity identity, PartName first) : identity_(identity), name_(first) {}

  // Where frames must go on: after a break, here.
  const PartName& name() const { return name_; }
  uint64_t offset() const { return received_; }

  // Where the frame's data go. INVALID_ARGUMENT unless it goes on where the last one ended.
  absl::StatusOr<char*> Place(const FrameHeader& header);
  // True when the current part is whole.
  bool IsWhole() const { return payload_ != nullptr && received_ == payload_bytes_; }
  // The whole part, checked; the next one is then awaited. After an error the part starts over.
  absl::StatusOr<CheckedPart> Take();
  // Forgets what was received of the current part and awaits `name`.
  void StartOver(const PartName& name);

 private:
  const PlanIdentity identity_;
  PartName name_;
  std::shared_ptr<char[]> payload_;
  uint64_t payload_bytes_ = 0;
  uint64_t received_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_CLIENT_STREAM_PLAN_BUFFER_H_
