// Which experts a device holds when, known in advance because the access sequence of a step is known.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_EXPERT_RESIDENCY_H_
#define GROUTER_ROUTING_PLANNING_BATCH_EXPERT_RESIDENCY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "routing/planning/plan.h"

namespace grouter {

// The slots one (micro-batch, pass, layer, chunk) uses, ascending.
struct AccessGroup {
  uint32_t micro_batch = 0;
  uint32_t layer = 0;
  uint32_t chunk = 0;
  bool backward = false;
  std::vector<uint32_t> slots;
};

// The step's groups in order: each micro-batch forward through layers and chunks, then the same in reverse.
// `slots_used`[micro_batch][layer group][chunk] lists this rank's slots that receive tokens, ascending.
std::vector<AccessGroup> AccessGroupsOf(
    const std::vector<std::vector<std::vector<std::vector<uint32_t>>>>& slots_used,
    const std::vector<uint32_t>& layer_group_of_layer);

// How many times its bytes a write-back weighs that must be paid again later, in each plan that is tried. The
// list only grows: a planner version tries a stated number of its first ones (planner_rules.h).
inline constexpr std::array<uint64_t, 6> kWriteBackReluctances = {0, 2, 4, 8, 12, 24};

struct ResidencyOptions {
  uint32_t capacity = 0;                          // stored experts at once; 0: all of them, nothing moves
  uint64_t fetch_bytes = 0;                       // of one expert
  uint64_t write_back_bytes = 0;                  // of one expert that backward touched
  uint32_t tries = kWriteBackReluctances.size();  // 1 to all of them
};

struct ResidencyPlan {
  std::vector<ExpertAccess> accesses;
  // Fetches, evictions and write-backs in issue order. `expert` is not filled in.
  std::vector<Transfer> transfers;
  uint64_t bytes_fetched = 0;
  uint64_t bytes_written = 0;
};

// The device starts empty (a step changes every expert's values) and ends written back. When room is needed,
// the resident expert whose next group of use is farthest leaves (Belady 1966), among equals one that
// backward has not touched, then the lowest (layer, slot). Within a group the residents are used first.
// Fewest fetches where a group fits and nothing is written back. With write-backs, an expert that backward
// touched and will touch again counts as nearer, since it would be written twice: by the first `tries`
// degrees of reluctance, of which the plan of fewest bytes is taken. More tries are never worse.
ResidencyPlan PlanResidency(const std::vector<AccessGroup>& groups, const ResidencyOptions& options);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_EXPERT_RESIDENCY_H_
