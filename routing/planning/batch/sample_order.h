// The order in which a job consumes samples: every sample of a split exactly once per epoch, epochs one after
// the other, tables blended by weight. Any position is found without state, so a run resumes anywhere.
//
//   position of the job:  0 1 2 3 4 5 6 7 8 ...          weights 2 : 1
//   table                 0 1 0 0 1 0 0 1 0 ...          BlendOrder: the next event of the least virtual time
//   its own position      0 0 1 2 1 3 4 2 5 ...
//   sample                P0(0) ...                      SamplePermutation of (seed, table, epoch)
#ifndef GROUTER_ROUTING_PLANNING_BATCH_SAMPLE_ORDER_H_
#define GROUTER_ROUTING_PLANNING_BATCH_SAMPLE_ORDER_H_

#include <cstdint>
#include <vector>

namespace grouter {

// A keyed permutation of [0, size): a six-round Feistel network over the smallest even number of bits that
// holds `size`, walked until it lands inside (Black and Rogaway 2002). O(1) time and memory. Immutable.
class SamplePermutation {
 public:
  // REQUIRES: 0 < size < 2^62.
  SamplePermutation(uint64_t size, uint64_t seed, uint64_t table, uint64_t epoch);
  // REQUIRES: index < size.
  uint64_t At(uint64_t index) const;

 private:
  static constexpr int kRounds = 6;
  uint64_t size_;
  uint32_t half_bits_;
  uint64_t keys_[kRounds];
};

// Whose turn it is. The n-th sample of table i (n from 0) comes at virtual time (2n + 1) / (2 weight_i), ties
// to the lower table: after p samples each table has given its share of p to within about one sample.
// Immutable.
class BlendOrder {
 public:
  // REQUIRES: not empty, weights from 1 to 2^32 - 1.
  explicit BlendOrder(std::vector<uint64_t> weights);

  // Samples of each table among the first `position` of the job. REQUIRES: position < 2^60.
  std::vector<uint64_t> CountsBefore(uint64_t position) const;
  // Position of the n-th sample of `table`: the inverse.
  uint64_t PositionOf(uint32_t table, uint64_t n) const;
  // The table of the position whose CountsBefore is `counts`.
  uint32_t TableAfter(const std::vector<uint64_t>& counts) const;
  uint32_t num_tables() const { return static_cast<uint32_t>(weights_.size()); }

 private:
  std::vector<uint64_t> weights_;
};

// One sample of the job's order: a table and the sample's number inside its data split.
struct OrderedSample {
  uint32_t table = 0;
  uint64_t index = 0;  // inside the split
  uint64_t epoch = 0;  // of this table's split
};

// Blend and permutations together. Immutable; thread-safe.
class SampleOrder {
 public:
  // `sizes`: samples of each table's split. REQUIRES: as long as `weights`, each 0 < size < 2^62.
  SampleOrder(uint64_t seed, std::vector<uint64_t> sizes, std::vector<uint64_t> weights);

  // Positions [first, first + count).
  std::vector<OrderedSample> Range(uint64_t first, uint64_t count) const;
  // The position at which the epoch of the first table that contains `position` ends.
  uint64_t EndOfEpoch(uint64_t position) const;

 private:
  uint64_t seed_;
  std::vector<uint64_t> sizes_;
  BlendOrder blend_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_SAMPLE_ORDER_H_
