// Placement: which expert lives in which slot, inside one EP group (all EP groups of a job are alike).
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "io/digest.h"

namespace grouter {

inline constexpr uint32_t kEmptySlot = UINT32_MAX;

// A place for one expert's weights. `rank` is inside the EP group, `slot` is local to the rank.
struct SlotRef {
  uint32_t rank = 0;
  uint32_t slot = 0;
  friend bool operator==(SlotRef a, SlotRef b) { return a.rank == b.rank && a.slot == b.slot; }
  friend bool operator<(SlotRef a, SlotRef b) { return a.rank != b.rank ? a.rank < b.rank : a.slot < b.slot; }
};

// The placement of one layer group. A value; thread-safe when const.
class LayerPlacement {
 public:
  LayerPlacement() = default;
  // `slot_expert`[rank][slot] = expert or kEmptySlot (EPLB's phy2log). INVALID_ARGUMENT unless every expert
  // has a slot and none has two on one rank.
  static absl::StatusOr<LayerPlacement> Make(uint32_t num_experts,
                                             const std::vector<std::vector<uint32_t>>& slot_expert);
  // Experts dealt to ranks in order, the first E mod ranks ranks hold one more.
  static LayerPlacement Contiguous(uint32_t num_experts, uint32_t ep_size);

  uint32_t num_experts() const { return static_cast<uint32_t>(first_slot_of_expert_.size()) - 1; }
  uint32_t ep_size() const { return static_cast<uint32_t>(first_slot_of_rank_.size()) - 1; }
  uint32_t num_slots(uint32_t rank) const {
    return first_slot_of_rank_[rank + 1] - first_slot_of_rank_[rank];
  }
  uint32_t num_slots() const { return first_slot_of_rank_.back(); }
  // Expert in that slot, or kEmptySlot.
  uint32_t ExpertAt(SlotRef ref) const { return slot_expert_[first_slot_of_rank_[ref.rank] + ref.slot]; }
  // Ascending by (rank, slot); the first is the owner, the others are replicas. Never empty.
  absl::Span<const SlotRef> SlotsOf(uint32_t expert) const {
    return absl::MakeConstSpan(slots_).subspan(
        first_slot_of_expert_[expert], first_slot_of_expert_[expert + 1] - first_slot_of_expert_[expert]);
  }
  SlotRef OwnerOf(uint32_t expert) const { return slots_[first_slot_of_expert_[expert]]; }
  // A slot's number over all ranks: slots of rank 0, then of rank 1, ...
  uint32_t GlobalSlot(SlotRef ref) const { return first_slot_of_rank_[ref.rank] + ref.slot; }
  SlotRef FromGlobalSlot(uint32_t global_slot) const;
  friend bool operator==(const LayerPlacement& a, const LayerPlacement& b) {
    return a.slot_expert_ == b.slot_expert_ && a.first_slot_of_rank_ == b.first_slot_of_rank_;
  }

 private:
  std::vector<uint32_t> first_slot_of_rank_{0};    // [ep_size + 1]
  std::vector<uint32_t> slot_expert_;              // [num_slots]
  std::vector<uint32_t> first_slot_of_expert_{0};  // [num_experts + 1]
  std::vector<SlotRef> slots_;                     // by expert
};

// [num_layer_groups]
using Placement = std::vector<LayerPlacement>;

// Weights (and optimizer state) of stored experts of `layer_group` that travel when an epoch begins.
struct ExpertMove {
  uint32_t layer_group = 0;
  uint32_t expert = 0;
  SlotRef from;
  SlotRef to;
};

// Steps [first_step, next epoch's first_step) use `placement`.
struct PlacementEpoch {
  uint64_t first_step = 0;
  Placement placement;
  std::vector<ExpertMove> moves;  // into this epoch; empty for the first
};

// The artefact `grouter place` makes: it names the job draft it is for.
struct PlacementSchedule {
  Digest draft;
  std::vector<PlacementEpoch> epochs;  // ascending, epochs[0].first_step == 0, never empty
  uint64_t predicted_step_ns = 0;      // by the cost model, for people
  uint64_t contiguous_step_ns = 0;     // the same model, experts dealt in order

  uint32_t EpochOf(uint64_t step) const;
  Digest digest() const;  // SHA-256 of Encode()
  std::string Encode() const;
  // Bad bytes: INVALID_ARGUMENT or DATA_LOSS with the offset.
  static absl::StatusOr<PlacementSchedule> Decode(absl::string_view bytes);
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_H_
