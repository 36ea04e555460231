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

void RelayPairs(const RelayPairsArgs& args) {
  const uint32_t* ends = args.first_slot + 1;
  const auto num_slots = static_cast<float>(args.first_slot[args.num_ranks]);
  std::copy(args.first_row, args.first_row + args.num_ranks, args.scratch);
  uint32_t* next = args.scratch;
  for (int64_t r = 0; r < args.num_rows; ++r) {
    const float* slots = args.notes + r * args.row_stride;
    for (int64_t first = 0, end = 0; first < args.row_pairs; first = end) {
      end = first + 1;
      if (!(slots[first] >= 0)) continue;
      if (!(slots[first] < num_slots)) {
        *args.mismatch = 1;
        continue;
      }
      const int64_t rank =
          std::upper_bound(ends, ends + args.num_ranks, static_cast<uint32_t>(slots[first])) - ends;
      const auto rank_slots = static_cast<float>(args.first_slot[rank]);
      const auto rank_end = static_cast<float>(args.first_slot[rank + 1]);
      while (end < args.row_pairs && slots[end] >= rank_slots && slots[end] < rank_end) ++end;
      if (end - first > args.out_pairs || next[rank] == args.first_row[rank + 1]) {
        *args.mismatch = 1;
        continue;
      }
      const uint32_t at = next[rank]++;
      args.row[at] = static_cast<int32_t>(r);
      args.column[at] = static_cast<int32_t>(r * args.row_pairs + first);
      args.count[at] = static_cast<int32_t>(end - first);
    }
  }
  for (int64_t rank = 0; rank < args.num_ranks; ++rank) {
    for (uint32_t at = next[rank]; at < args.first_row[rank + 1]; ++at) {
      *args.mismatch = 1;
      args.row[at] = 0;
      args.column[at] = 0;
      args.count[at] = 0;
    }
    for (uint32_t at = args.first_row[rank]; at < args.first_row[rank + 1]; ++at) {
      const int64_t row = args.row[at];
      const float* in = args.notes + row * args.row_stride + (args.column[at] - row * args.row_pairs);
      float* out = args.out_notes + at * args.out_stride;
      for (int64_t j = 0; j < args.out_pairs; ++j) {
        const bool pair = j < args.count[at];
        out[j] = pair ? in[j] - static_cast<float>(args.first_slot[rank]) : -1.0f;
        out[args.out_pairs + j] = pair ? in[args.row_pairs + j] : 0.0f;
      }
    }
  }
}

void RelayPairGradients(const RelayPairGradientsArgs& args) {
  for (int64_t f = 0; f < args.num_rows; ++f) {
    const int64_t row = args.row[f];
    float* to = args.to + row * args.to_stride + (args.column[f] - row * args.row_pairs);
    for (int32_t j = 0; j < args.count[f]; ++j) to[j] = args.from[f * args.from_stride + j];
  }
}

}  // namespace grouter::cpu
