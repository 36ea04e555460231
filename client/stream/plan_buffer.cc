#include "client/stream/plan_buffer.h"

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

std::string Where(const PartName& name) {
  if (name.second == 0) return absl::StrCat("step ", name.first);
  return absl::StrCat("step ", name.first, ", micro-batch ", name.second - 1);
}

absl::Status Damaged(const std::string& what, const PartName& name) {
  return Error(absl::StatusCode::kDataLoss, what, Where(name),
               "Check the server's tables: `grouter table verify`.");
}

}  // namespace

absl::StatusOr<CheckedPart> CheckPart(const PartName& name, const PlanIdentity& identity,
                                      std::shared_ptr<const char[]> payload, uint64_t num_bytes) {
  const absl::string_view bytes(payload.get(), num_bytes);
  CheckedPart part;
  part.payload_bytes = num_bytes;
  if (name.second == 0) {
    absl::StatusOr<StepPart> step = DecodeStepPart(bytes);
    if (!step.ok()) return Damaged(std::string(step.status().message()), name);
    if (step->step != name.first || step->num_steps != identity.num_steps) {
      return Damaged("the step part is of another step or job", name);
    }
    part.step = std::make_shared<const StepPart>(std::move(*step));
    return part;
  }
  absl::StatusOr<MicroBatchPlan> plan = DecodeMicroBatchPlan(bytes, payload);
  if (!plan.ok()) return Damaged(std::string(plan.status().message()), name);
  if (plan->step != name.first || plan->micro_batch + 1 != name.second || plan->rank != identity.rank) {
    return Damaged("the plan is of another step, micro-batch or rank", name);
  }
  part.micro_batch = std::make_shared<const MicroBatchPlan>(std::move(*plan));
  return part;
}

absl::StatusOr<char*> PartAssembler::Place(const FrameHeader& header) {
  if (PartName(header.step, header.part) != name_ || header.payload_offset != received_) {
    return Error(absl::StatusCode::kInvalidArgument, "a frame out of order",
                 Where({header.step, header.part}));
  }
  if (payload_ == nullptr) {
    if (header.payload_bytes == 0 || header.payload_bytes > identity_.max_part_bytes) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("a part of ", header.payload_bytes, " bytes"), Where(name_),
                   "Raise max_part_bytes if this is real.");
    }
    payload_bytes_ = header.payload_bytes;
    payload_ = std::shared_ptr<char[]>(new char[payload_bytes_]);
  }
  if (header.payload_bytes != payload_bytes_ || header.data_bytes > payload_bytes_ - received_) {
    return Error(absl::StatusCode::kInvalidArgument, "a frame past its part's end", Where(name_));
  }
  char* place = payload_.get() + received_;
  received_ += header.data_bytes;
  return place;
}

absl::StatusOr<CheckedPart> PartAssembler::Take() {
  const PartName name = name_;
  absl::StatusOr<CheckedPart> part = CheckPart(name, identity_, payload_, payload_bytes_);
  const bool last = name.second == identity_.num_micro_batches;
  StartOver(!part.ok() ? name : last ? PartName(name.first + 1, 0) : PartName(name.first, name.second + 1));
  return part;
}

void PartAssembler::StartOver(const PartName& name) {
  name_ = name;
  payload_.reset();
  payload_bytes_ = 0;
  received_ = 0;
}

}  // namespace grouter
