#include "routing/planning/batch/sample_order.h"

#include <utility>

#include "io/error.h"
#include "io/random.h"

namespace grouter {

using Wide = unsigned __int128;

SamplePermutation::SamplePermutation(uint64_t size, uint64_t seed, uint64_t table, uint64_t epoch)
    : size_(size) {
  GROUTER_CHECK(size > 0 && size < (uint64_t{1} << 62));
  half_bits_ = 1;
  while ((uint64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
  uint64_t key = Mix64(Mix64(Mix64(seed) ^ table) + epoch);
  for (uint64_t& round : keys_) round = key = Mix64(key);
}

uint64_t SamplePermutation::At(uint64_t index) const {
  GROUTER_CHECK(index < size_);
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = index >> half_bits_;
    uint64_t right = index & mask;
    for (uint64_t key : keys_) {
      const uint64_t mixed = left ^ (Mix64(right ^ key) & mask);
      left = right;
      right = mixed;
    }
    index = left << half_bits_ | right;
  } while (index >= size_);
  return index;
}

BlendOrder::BlendOrder(std::vector<uint64_t> weights) : weights_(std::move(weights)) {
  GROUTER_CHECK(!weights_.empty());
  for (uint64_t weight : weights_) GROUTER_CHECK(weight > 0 && weight <= UINT32_MAX);
}

uint64_t BlendOrder::PositionOf(uint32_t table, uint64_t n) const {
  uint64_t before = 0;
  const uint64_t own = weights_[table];
  for (uint32_t j = 0; j < num_tables(); ++j) {
    if (j == table) {
      before += n;
      continue;
    }
    // Events m of j with (2m + 1) / w_j < (2n + 1) / own, equality counted when j comes first.
    const Wide time = (Wide{2} * n + 1) * weights_[j];
    if (j < table) {
      if (time >= own) before += static_cast<uint64_t>((time - own) / (2 * own)) + 1;
    } else if (time > own) {
      before += static_cast<uint64_t>((time - own + 2 * own - 1) / (2 * own));
    }
  }
  return before;
}

std::vector<uint64_t> BlendOrder::CountsBefore(uint64_t position) const {
  std::vector<uint64_t> counts(num_tables());
  for (uint32_t i = 0; i < num_tables(); ++i) {
    uint64_t low = 0, high = position;  // the first n whose position is not before `position`
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2;
      if (PositionOf(i, middle) < position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    counts[i] = low;
  }
  return counts;
}

uint32_t BlendOrder::TableAfter(const std::vector<uint64_t>& counts) const {
  uint32_t best = 0;
  for (uint32_t i = 1; i < num_tables(); ++i) {
    const Wide mine = (Wide{2} * counts[i] + 1) * weights_[best];
    if (mine < (Wide{2} * counts[best] + 1) * weights_[i]) best = i;
  }
  return best;
}

SampleOrder::SampleOrder(uint64_t seed, std::vector<uint64_t> sizes, std::vector<uint64_t> weights)
    : seed_(seed), sizes_(std::move(sizes)), blend_(std::move(weights)) {
  GROUTER_CHECK(sizes_.size() == blend_.num_tables());
}

std::vector<OrderedSample> SampleOrder::Range(uint64_t first, uint64_t count) const {
  std::vector<uint64_t> counts = blend_.CountsBefore(first);
  std::vector<SamplePermutation> permutations;
  std::vector<uint64_t> epochs;
  for (uint32_t t = 0; t < sizes_.size(); ++t) {
    epochs.push_back(counts[t] / sizes_[t]);
    permutations.emplace_back(sizes_[t], seed_, t, epochs[t]);
  }
  std::vector<OrderedSample> samples(count);
  for (OrderedSample& sample : samples) {
    const uint32_t t = blend_.TableAfter(counts);
    const uint64_t epoch = counts[t] / sizes_[t];
    if (epoch != epochs[t]) {
      epochs[t] = epoch;
      permutations[t] = SamplePermutation(sizes_[t], seed_, t, epoch);
    }
    sample = OrderedSample{t, permutations[t].At(counts[t] % sizes_[t]), epoch};
    ++counts[t];
  }
  return samples;
}

uint64_t SampleOrder::EndOfEpoch(uint64_t position) const {
  const uint64_t epoch = blend_.CountsBefore(position)[0] / sizes_[0];
  return blend_.PositionOf(0, (epoch + 1) * sizes_[0] - 1) + 1;
}

}  // namespace grouter
