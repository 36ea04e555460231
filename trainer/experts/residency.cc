#include "trainer/experts/residency.h"

#include <algorithm>
#include <utility>

namespace grouter {

AccessSequence::AccessSequence(uint32_t num_items, std::vector<uint32_t> accesses)
    : accesses_(std::move(accesses)), uses_(num_items) {
  for (uint64_t i = 0; i < accesses_.size(); ++i) uses_[accesses_[i]].push_back(i);
}

bool AccessSequence::Advance(uint32_t item) {
  const uint64_t next = NextUse(item);
  if (next == kNever) return false;
  position_ = next + 1;
  return true;
}

uint64_t AccessSequence::NextUse(uint32_t item) const {
  const std::vector<uint64_t>& uses = uses_[item];
  const auto it = std::lower_bound(uses.begin(), uses.end(), position_);
  return it == uses.end() ? kNever : *it;
}

size_t FarthestNextUse(const AccessSequence& sequence, absl::Span<const uint32_t> candidates) {
  size_t best = 0;
  for (size_t i = 1; i < candidates.size(); ++i) {
    if (sequence.NextUse(candidates[i]) > sequence.NextUse(candidates[best])) best = i;
  }
  return best;
}

}  // namespace grouter
