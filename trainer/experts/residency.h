// The two decisions of a paged expert store, as pure bookkeeping: what to fetch next and whom to evict.
#ifndef GROUTER_TRAINER_EXPERTS_RESIDENCY_H_
#define GROUTER_TRAINER_EXPERTS_RESIDENCY_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace grouter {

// A known sequence of accesses to items 0..num_items-1 and how far it got. Not thread-safe.
class AccessSequence {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;

  AccessSequence(uint32_t num_items, std::vector<uint32_t> accesses);
  uint64_t size() const { return accesses_.size(); }
  uint32_t at(uint64_t position) const { return accesses_[position]; }
  // Accesses before it have begun.
  uint64_t position() const { return position_; }
  // `item` is accessed now: moves past its next announced use. False when it has none left.
  bool Advance(uint32_t item);
  // Position of the first use that has not begun; kNever when there is none.
  uint64_t NextUse(uint32_t item) const;

 private:
  std::vector<uint32_t> accesses_;
  std::vector<std::vector<uint64_t>> uses_;  // [num_items] ascending
  uint64_t position_ = 0;
};

// Belady's choice: the index in `candidates` of the item whose next use lies farthest ahead (ties: the
// first). REQUIRES: candidates is not empty.
size_t FarthestNextUse(const AccessSequence& sequence, absl::Span<const uint32_t> candidates);

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_RESIDENCY_H_
