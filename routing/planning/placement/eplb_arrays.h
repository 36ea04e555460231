// A placement in the arrays of DeepSeek's EPLB, and back.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_EPLB_ARRAYS_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_EPLB_ARRAYS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/placement.h"

namespace grouter {

// Row-major [layers][...]. Slots are numbered over all ranks; -1 is an empty slot or an unused entry.
struct EplbArrays {
  uint32_t num_layers = 0;
  uint32_t num_slots = 0;
  uint32_t num_experts = 0;
  uint32_t most_copies = 0;      // width of log2phy
  std::vector<int32_t> phy2log;  // [layers][num_slots] expert of each slot
  std::vector<int32_t> log2phy;  // [layers][num_experts][most_copies] slots of each expert, ascending
  std::vector<int32_t> logcnt;   // [layers][num_experts] copies of each expert
};

// REQUIRES: layers with equal numbers of experts and slots.
EplbArrays ToEplbArrays(const Placement& placement);

// Fills in most_copies and log2phy of arrays whose other fields are given.
void FillCopies(EplbArrays* arrays);

// From phy2log alone; slots are dealt to `ep_size` ranks in equal runs. INVALID_ARGUMENT when they cannot be,
// or when a layer is no placement (an expert without a slot, two copies on one rank).
absl::StatusOr<Placement> FromEplbArrays(const EplbArrays& arrays, uint32_t ep_size);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_EPLB_ARRAYS_H_
