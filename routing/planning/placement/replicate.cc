#include "routing/planning/placement/replicate.h"

#include <algorithm>

namespace grouter {
namespace {

bool Holds(const std::vector<uint32_t>& slots, uint32_t expert) {
  return std::find(slots.begin(), slots.end(), expert) != slots.end();
}

}  // namespace

void AddReplicas(const std::vector<uint64_t>& load, const std::vector<uint32_t>& slot_counts,
                 std::vector<std::vector<uint32_t>>* slots) {
  std::vector<uint64_t> copies(load.size(), 0);
  for (const auto& rank : *slots) {
    for (uint32_t e : rank) ++copies[e];
  }
  uint64_t spare = 0;
  for (size_t r = 0; r < slots->size(); ++r)
    spare += slot_counts[r] - std::min<size_t>(slot_counts[r], (*slots)[r].size());
  std::vector<uint8_t> full(slots->size(), 0);
  while (spare > 0) {
    // Load of each rank if every expert's load were shared equally by its copies.
    size_t emptiest = slots->size();
    uint64_t least = 0;
    for (size_t r = 0; r < slots->size(); ++r) {
      if (full[r] || (*slots)[r].size() >= slot_counts[r]) continue;
      uint64_t sum = 0;
      for (uint32_t e : (*slots)[r]) sum += load[e] / copies[e];
      if (emptiest == slots->size() || sum < least) {
        emptiest = r;
        least = sum;
      }
    }
    if (emptiest == slots->size()) return;
    uint32_t hottest = UINT32_MAX;
    for (uint32_t e = 0; e < load.size(); ++e) {
      if (load[e] == 0 || Holds((*slots)[emptiest], e)) continue;
      if (hottest == UINT32_MAX || load[e] * copies[hottest] > load[hottest] * copies[e]) hottest = e;
    }
    if (hottest == UINT32_MAX) {
      full[emptiest] = 1;
      continue;
    }
    (*slots)[emptiest].push_back(hottest);
    ++copies[hottest];
    --spare;
  }
}

}  // namespace grouter
