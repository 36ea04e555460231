#include "kernels/pairs.h"

#include <algorithm>

namespace grouter::cpu {

void PackPairs(const PackPairsArgs& args) {
  for (int64_t r = 0; r < args.num_rows; ++r) {
    float* slots = args.notes + r * args.row_stride;
    float* weights = slots + args.row_pairs;
    int64_t j = 0;
    for (uint32_t p = args.row_first_pair[r]; p < args.row_first_pair[r + 1]; ++p, ++j) {
      slots[j] = static_cast<float>(args.pair_slot[p]);
      weights[j] = args.weights[args.pair_choice[p]];
    }
    for (; j < args.row_pairs; ++j) {
      slots[j] = -1;
      weights[j] = 0;
    }
  }
}

void SortPairs(const SortPairsArgs& args) {
  const uint32_t* first_pair = args.first_pair;
  std::copy(first_pair, first_pair + args.num_slots, args.scratch);
  uint32_t* next = args.scratch;
  for (int64_t r = 0; r < args.num_rows; ++r) {
    const float* slots = args.notes + r * args.row_stride;
    for (int64_t j = 0; j < args.row_pairs; ++j) {
      if (!(slots[j] >= 0)) continue;
      const bool known = slots[j] < static_cast<float>(args.num_slots);
      const auto slot = known ? static_cast<uint32_t>(slots[j]) : 0;
      if (!known || next[slot] == first_pair[slot + 1]) {
        *args.mismatch = 1;
        continue;
      }
      const uint32_t at = next[slot]++;
      args.row[at] = static_cast<int32_t>(r);
      args.column[at] = static_cast<int32_t>(r * args.row_pairs + j);
      args.weight[at] = slots[args.row_pairs + j];
    }
  }
  for (int64_t slot = 0; slot < args.num_slots; ++slot) {
    for (uint32_t at = next[slot]; at < first_pair[slot + 1]; ++at) {
      *args.mismatch = 1;
      args.row[at] = 0;
      args.column[at] = 0;
      args.weight[at] = 0;
    }
  }
}

void PackPairGradients(const PackPairGradientsArgs& args) {
  for (int64_t p = 0; p < args.num_pairs; ++p) {
    const int64_t row = args.row[p];
    args.notes[row * args.row_stride + (args.column[p] - row * args.row_pairs)] = args.dweight[p];
  }
}

void UnpackPairGradients(const UnpackPairGradientsArgs& args) {
  for (int64_t r = 0; r < args.num_rows; ++r) {
    const uint32_t first = args.row_first_pair[r];
    for (uint32_t p = first; p < args.row_first_pair[r + 1]; ++p) {
      args.dweights[args.pair_choice[p]] = args.notes[r * args.row_stride + (p - first)];
    }
  }
}

}  // namespace grouter::cpu
