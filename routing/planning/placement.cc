#include "routing/planning/placement.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/coding.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint32_t kMagic = 0x53505247;  // "GRPS"
constexpr uint32_t kEncodingVersion = 1;
constexpr uint32_t kMostExperts = 1 << 16;

absl::Status Bad(absl::string_view what, uint64_t offset) {
  return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("bad placement schedule: ", what),
               absl::StrCat("offset ", offset), "make the schedule again");
}

void PutSlot(SlotRef ref, ByteWriter* out) {
  out->Put<uint32_t>(ref.rank);
  out->Put<uint32_t>(ref.slot);
}

SlotRef GetSlot(ByteReader* in) {
  SlotRef ref;
  ref.rank = in->Get<uint32_t>();
  ref.slot = in->Get<uint32_t>();
  return ref;
}

absl::StatusOr<LayerPlacement> GetLayer(ByteReader* in) {
  const uint32_t num_experts = in->Get<uint32_t>();
  const uint32_t ranks = in->Get<uint32_t>();
  if (num_experts > kMostExperts) return Bad(absl::StrCat(num_experts, " experts"), in->offset());
  if (ranks > in->remaining() / sizeof(uint64_t)) return Bad("cut short", in->offset());
  std::vector<std::vector<uint32_t>> slots(ranks);
  for (auto& rank : slots) rank = in->GetArray<uint32_t>();
  if (!in->ok()) return Bad("cut short", in->offset());
  auto layer = LayerPlacement::Make(num_experts, slots);
  if (!layer.ok()) return Bad(layer.status().message(), in->offset());
  return layer;
}

bool Holds(const LayerPlacement& layer, SlotRef ref, uint32_t expert) {
  return ref.rank < layer.ep_size() && ref.slot < layer.num_slots(ref.rank) && layer.ExpertAt(ref) == expert;
}

absl::StatusOr<PlacementEpoch> GetEpoch(ByteReader* in, const PlacementEpoch* previous) {
  PlacementEpoch epoch;
  epoch.first_step = in->Get<uint64_t>();
  if (previous == nullptr ? epoch.first_step != 0 : epoch.first_step <= previous->first_step) {
    return Bad("epochs do not begin at step 0 and ascend", in->offset());
  }
  const uint32_t groups = in->Get<uint32_t>();
  for (uint32_t g = 0; g < groups && in->ok(); ++g) {
    GROUTER_ASSIGN_OR_RETURN(LayerPlacement layer, GetLayer(in));
    epoch.placement.push_back(std::move(layer));
  }
  if (previous != nullptr && previous->placement.size() != epoch.placement.size()) {
    return Bad("epochs differ in their number of layer groups", in->offset());
  }
  const uint64_t moves = in->Get<uint64_t>();
  if (previous == nullptr && moves != 0) return Bad("moves into the first epoch", in->offset());
  for (uint64_t m = 0; m < moves && in->ok(); ++m) {
    ExpertMove move;
    move.layer_group = in->Get<uint32_t>();
    move.expert = in->Get<uint32_t>();
    move.from = GetSlot(in);
    move.to = GetSlot(in);
    if (!in->ok()) break;
    if (move.layer_group >= groups || !Holds(previous->placement[move.layer_group], move.from, move.expert) ||
        !Holds(epoch.placement[move.layer_group], move.to, move.expert)) {
      return Bad("a move's expert is not where the move says", in->offset());
    }
    epoch.moves.push_back(move);
  }
  if (!in->ok()) return Bad("cut short", in->offset());
  return epoch;
}

}  // namespace

absl::StatusOr<LayerPlacement> LayerPlacement::Make(uint32_t num_experts,
                                                    const std::vector<std::vector<uint32_t>>& slot_expert) {
  constexpr auto kBad = absl::StatusCode::kInvalidArgument;
  if (num_experts == 0 || num_experts > kMostExperts) {
    return Error(kBad, absl::StrCat(num_experts, " experts"), "placement", "use 1 to 65536");
  }
  LayerPlacement layer;
  std::vector<uint32_t> copies(num_experts, 0);
  std::vector<uint32_t> last_rank(num_experts, UINT32_MAX);
  for (uint32_t rank = 0; rank < slot_expert.size(); ++rank) {
    for (uint32_t expert : slot_expert[rank]) {
      layer.slot_expert_.push_back(expert);
      if (expert == kEmptySlot) continue;
      if (expert >= num_experts) {
        return Error(kBad, absl::StrCat("expert ", expert, " of ", num_experts), absl::StrCat("rank ", rank),
                     "use ids below the number of experts");
      }
      if (last_rank[expert] == rank) {
        return Error(kBad, absl::StrCat("expert ", expert, " has two slots on one rank"),
                     absl::StrCat("rank ", rank), "put replicas on different ranks");
      }
      last_rank[expert] = rank;
      ++copies[expert];
    }
    layer.first_slot_of_rank_.push_back(static_cast<uint32_t>(layer.slot_expert_.size()));
  }
  layer.first_slot_of_expert_.resize(num_experts + 1, 0);
  for (uint32_t e = 0; e < num_experts; ++e) {
    if (copies[e] == 0) {
      return Error(kBad, absl::StrCat("expert ", e, " has no slot"), "placement",
                   "give every expert a slot: at least as many slots as experts");
    }
    layer.first_slot_of_expert_[e + 1] = layer.first_slot_of_expert_[e] + copies[e];
  }
  layer.slots_.resize(layer.first_slot_of_expert_.back());
  std::vector<uint32_t> next(layer.first_slot_of_expert_.begin(), layer.first_slot_of_expert_.end() - 1);
  for (uint32_t rank = 0; rank < slot_expert.size(); ++rank) {
    for (uint32_t slot = 0; slot < slot_expert[rank].size(); ++slot) {
      const uint32_t expert = slot_expert[rank][slot];
      if (expert != kEmptySlot) layer.slots_[next[expert]++] = SlotRef{rank, slot};
    }
  }
  return layer;
}

LayerPlacement LayerPlacement::Contiguous(uint32_t num_experts, uint32_t ep_size) {
  GROUTER_CHECK(num_experts > 0 && ep_size > 0);
  std::vector<std::vector<uint32_t>> slots(ep_size);
  uint32_t expert = 0;
  for (uint32_t rank = 0; rank < ep_size; ++rank) {
    const uint32_t count = num_experts / ep_size + (rank < num_experts % ep_size ? 1 : 0);
    for (uint32_t i = 0; i < count; ++i) slots[rank].push_back(expert++);
  }
  return Make(num_experts, slots).value();
}

SlotRef LayerPlacement::FromGlobalSlot(uint32_t global_slot) const {
  GROUTER_CHECK(global_slot < num_slots());
  const auto it = std::upper_bound(first_slot_of_rank_.begin(), first_slot_of_rank_.end(), global_slot);
  const uint32_t rank = static_cast<uint32_t>(it - first_slot_of_rank_.begin()) - 1;
  return SlotRef{rank, global_slot - first_slot_of_rank_[rank]};
}

uint32_t PlacementSchedule::EpochOf(uint64_t step) const {
  GROUTER_CHECK(!epochs.empty());
  uint32_t epoch = 0;
  while (epoch + 1 < epochs.size() && epochs[epoch + 1].first_step <= step) ++epoch;
  return epoch;
}

Digest PlacementSchedule::digest() const { return Sha256(Encode()); }

std::string PlacementSchedule::Encode() const {
  ByteWriter out;
  out.Put<uint32_t>(kMagic);
  out.Put<uint32_t>(kEncodingVersion);
  out.PutDigest(draft);
  out.Put<uint64_t>(predicted_step_ns);
  out.Put<uint64_t>(contiguous_step_ns);
  out.Put<uint32_t>(static_cast<uint32_t>(epochs.size()));
  for (const PlacementEpoch& epoch : epochs) {
    out.Put<uint64_t>(epoch.first_step);
    out.Put<uint32_t>(static_cast<uint32_t>(epoch.placement.size()));
    for (const LayerPlacement& layer : epoch.placement) {
      out.Put<uint32_t>(layer.num_experts());
      out.Put<uint32_t>(layer.ep_size());
      std::vector<uint32_t> slots;
      for (uint32_t rank = 0; rank < layer.ep_size(); ++rank) {
        slots.clear();
        for (uint32_t slot = 0; slot < layer.num_slots(rank); ++slot) {
          slots.push_back(layer.ExpertAt(SlotRef{rank, slot}));
        }
        out.PutArray<uint32_t>(slots);
      }
    }
    out.Put<uint64_t>(epoch.moves.size());
    for (const ExpertMove& move : epoch.moves) {
      out.Put<uint32_t>(move.layer_group);
      out.Put<uint32_t>(move.expert);
      PutSlot(move.from, &out);
      PutSlot(move.to, &out);
    }
  }
  return out.Take();
}

absl::StatusOr<PlacementSchedule> PlacementSchedule::Decode(absl::string_view bytes) {
  ByteReader in(bytes);
  if (in.Get<uint32_t>() != kMagic) return Bad("these bytes are something else", 0);
  const uint32_t version = in.Get<uint32_t>();
  if (in.ok() && version != kEncodingVersion) {
    return Error(absl::StatusCode::kUnimplemented, absl::StrCat("placement schedule version ", version),
                 "offset 4", "use a newer Grouter");
  }
  PlacementSchedule schedule;
  schedule.draft = in.GetDigest();
  schedule.predicted_step_ns = in.Get<uint64_t>();
  schedule.contiguous_step_ns = in.Get<uint64_t>();
  const uint32_t num_epochs = in.Get<uint32_t>();
  if (!in.ok() || num_epochs == 0) return Bad("no placement epochs", in.offset());
  for (uint32_t i = 0; i < num_epochs; ++i) {
    const PlacementEpoch* previous = schedule.epochs.empty() ? nullptr : &schedule.epochs.back();
    GROUTER_ASSIGN_OR_RETURN(PlacementEpoch epoch, GetEpoch(&in, previous));
    schedule.epochs.push_back(std::move(epoch));
  }
  if (!in.AtEnd()) return Bad("bytes after the end", in.offset());
  return schedule;
}

}  // namespace grouter
