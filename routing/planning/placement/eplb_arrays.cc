#include "routing/planning/placement/eplb_arrays.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

EplbArrays ToEplbArrays(const Placement& placement) {
  EplbArrays arrays;
  arrays.num_layers = static_cast<uint32_t>(placement.size());
  for (const LayerPlacement& layer : placement) {
    GROUTER_CHECK(layer.num_slots() == placement[0].num_slots());
    GROUTER_CHECK(layer.num_experts() == placement[0].num_experts());
    arrays.num_slots = layer.num_slots();
    arrays.num_experts = layer.num_experts();
    for (uint32_t slot = 0; slot < layer.num_slots(); ++slot) {
      const uint32_t expert = layer.ExpertAt(layer.FromGlobalSlot(slot));
      arrays.phy2log.push_back(expert == kEmptySlot ? -1 : static_cast<int32_t>(expert));
    }
    for (uint32_t e = 0; e < layer.num_experts(); ++e) {
      arrays.logcnt.push_back(static_cast<int32_t>(layer.SlotsOf(e).size()));
    }
  }
  FillCopies(&arrays);
  return arrays;
}

void FillCopies(EplbArrays* arrays) {
  arrays->most_copies = 0;
  for (int32_t copies : arrays->logcnt) {
    arrays->most_copies = std::max(arrays->most_copies, static_cast<uint32_t>(copies));
  }
  arrays->log2phy.assign(arrays->logcnt.size() * arrays->most_copies, -1);
  std::vector<uint32_t> next(arrays->num_experts);
  for (uint32_t l = 0; l < arrays->num_layers; ++l) {
    std::fill(next.begin(), next.end(), 0);
    int32_t* log2phy = arrays->log2phy.data() + size_t{l} * arrays->num_experts * arrays->most_copies;
    for (uint32_t slot = 0; slot < arrays->num_slots; ++slot) {
      const int32_t expert = arrays->phy2log[size_t{l} * arrays->num_slots + slot];
      if (expert < 0) continue;
      log2phy[size_t(expert) * arrays->most_copies + next[expert]++] = static_cast<int32_t>(slot);
    }
  }
}

absl::StatusOr<Placement> FromEplbArrays(const EplbArrays& arrays, uint32_t ep_size) {
  constexpr auto kBad = absl::StatusCode::kInvalidArgument;
  if (ep_size == 0 || arrays.num_slots % ep_size != 0) {
    return Error(kBad, absl::StrCat(arrays.num_slots, " slots on ", ep_size, " ranks"), "phy2log",
                 "give a number of slots that the ranks share equally");
  }
  if (arrays.phy2log.size() != uint64_t{arrays.num_layers} * arrays.num_slots) {
    return Error(kBad, absl::StrCat(arrays.phy2log.size(), " entries"), "phy2log",
                 "give [layers][slots] entries");
  }
  const uint32_t per_rank = arrays.num_slots / ep_size;
  Placement placement;
  for (uint32_t l = 0; l < arrays.num_layers; ++l) {
    std::vector<std::vector<uint32_t>> slots(ep_size);
    for (uint32_t slot = 0; slot < arrays.num_slots; ++slot) {
      const int32_t expert = arrays.phy2log[uint64_t{l} * arrays.num_slots + slot];
      slots[slot / per_rank].push_back(expert < 0 ? kEmptySlot : static_cast<uint32_t>(expert));
    }
    GROUTER_ASSIGN_OR_RETURN(LayerPlacement layer, LayerPlacement::Make(arrays.num_experts, slots));
    placement.push_back(std::move(layer));
  }
  return placement;
}

}  // namespace grouter
