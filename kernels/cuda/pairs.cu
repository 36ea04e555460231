#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/launchers.h"

namespace grouter::cuda {
namespace {

// A thread a row: a row has few pairs.
__global__ void PackPairsKernel(PackPairsArgs args) {
  for (int64_t r = FirstElement(); r < args.num_rows; r += ElementStride()) {
    float* slots = args.notes + r * args.row_stride;
    float* weights = slots + args.row_pairs;
    const uint32_t first = args.row_first_pair[r];
    const int64_t count = args.row_first_pair[r + 1] - first;
    for (int64_t j = 0; j < args.row_pairs; ++j) {
      slots[j] = j < count ? static_cast<float>(args.pair_slot[first + j]) : -1.0f;
      weights[j] = j < count ? args.weights[args.pair_choice[first + j]] : 0.0f;
    }
  }
}

// Of the finds of a block's threads: those of threads before this one, and all.
struct Finds {
  int64_t before = 0;
  int64_t all = 0;
};

// All threads of a block of kRowThreads call; `counts`, [warps], is shared by them and free again afterwards.
__device__ Finds CountFinds(bool is_find, int* counts) {
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  const unsigned bits = __ballot_sync(kAllLanes, is_find);
  if (lane == 0) counts[warp] = __popc(bits);
  __syncthreads();
  Finds finds;
  finds.before = __popc(bits & ((1u << lane) - 1u));
  for (unsigned w = 0; w < kRowThreads / kWarp; ++w) {
    if (w < warp) finds.before += counts[w];
    finds.all += counts[w];
  }
  __syncthreads();
  return finds;
}

// A block a slot: it reads all notes in order, a tile at a time, and keeps the place of the next pair.
__global__ void SortPairsKernel(SortPairsArgs args) {
  __shared__ int counts[kRowThreads / kWarp];
  const int64_t num_notes = args.num_rows * args.row_pairs;
  for (int64_t slot = blockIdx.x; slot < args.num_slots; slot += gridDim.x) {
    int64_t next = args.first_pair[slot];
    const int64_t end = args.first_pair[slot + 1];
    for (int64_t tile = 0; tile < num_notes; tile += blockDim.x) {
      const int64_t n = tile + threadIdx.x;
      const int64_t r = n / args.row_pairs;
      const int64_t j = n % args.row_pairs;
      const float* note = args.notes + r * args.row_stride + j;
      const bool mine = n < num_notes && *note == static_cast<float>(slot);
      if (slot == 0 && n < num_notes && *note >= static_cast<float>(args.num_slots))
        atomicOr(args.mismatch, 1);
      const Finds finds = CountFinds(mine, counts);
      const int64_t at = next + finds.before;
      if (mine && at < end) {
        args.row[at] = static_cast<int32_t>(r);
        args.column[at] = static_cast<int32_t>(n);
        args.weight[at] = note[args.row_pairs];
      }
      next += finds.all;
    }
    if (next != end && threadIdx.x == 0) atomicOr(args.mismatch, 1);
    for (int64_t at = next + threadIdx.x; at < end; at += blockDim.x) {
      args.row[at] = 0;
      args.column[at] = 0;
      args.weight[at] = 0;
    }
  }
}

// A thread a pair.
__global__ void PackPairGradientsKernel(PackPairGradientsArgs args) {
  for (int64_t p = FirstElement(); p < args.num_pairs; p += ElementStride()) {
    const int64_t row = args.row[p];
    args.notes[row * args.row_stride + (args.column[p] - row * args.row_pairs)] = args.dweight[p];
  }
}

// A thread a row.
__global__ void UnpackPairGradientsKernel(UnpackPairGradientsArgs args) {
  for (int64_t r = FirstElement(); r < args.num_rows; r += ElementStride()) {
    const uint32_t first = args.row_first_pair[r];
    for (uint32_t p = first; p < args.row_first_pair[r + 1]; ++p) {
      args.dweights[args.pair_choice[p]] = args.notes[r * args.row_stride + (p - first)];
    }
  }
}

// A block a rank: it reads all rows in order, a tile at a time, a thread a row.
__global__ void RelayPairsKernel(RelayPairsArgs args) {
  __shared__ int counts[kRowThreads / kWarp];
  const auto num_slots = static_cast<float>(args.first_slot[args.num_ranks]);
  for (int64_t rank = blockIdx.x; rank < args.num_ranks; rank += gridDim.x) {
    const auto first_slot = static_cast<float>(args.first_slot[rank]);
    const auto end_slot = static_cast<float>(args.first_slot[rank + 1]);
    int64_t next = args.first_row[rank];
    const int64_t end = args.first_row[rank + 1];
    for (int64_t tile = 0; tile < args.num_rows; tile += blockDim.x) {
      const int64_t r = tile + threadIdx.x;
      const float* slots = args.notes + r * args.row_stride;
      int64_t first = 0;
      int64_t count = 0;
      for (int64_t j = 0; r < args.num_rows && j < args.row_pairs; ++j) {
        if (rank == 0 && slots[j] >= num_slots) atomicOr(args.mismatch, 1);
        if (!(slots[j] >= first_slot && slots[j] < end_slot)) continue;
        if (count == 0) first = j;
        ++count;
      }
      if (count > args.out_pairs) {
        atomicOr(args.mismatch, 1);
        count = 0;
      }
      const Finds finds = CountFinds(count > 0, counts);
      const int64_t at = next + finds.before;
      if (count > 0 && at < end) {
        args.row[at] = static_cast<int32_t>(r);
        args.column[at] = static_cast<int32_t>(r * args.row_pairs + first);
        args.count[at] = static_cast<int32_t>(count);
        float* out = args.out_notes + at * args.out_stride;
        for (int64_t j = 0; j < args.out_pairs; ++j) {
          out[j] = j < count ? slots[first + j] - first_slot : -1.0f;
          out[args.out_pairs + j] = j < count ? slots[args.row_pairs + first + j] : 0.0f;
        }
      }
      next += finds.all;
    }
    if (next != end && threadIdx.x == 0) atomicOr(args.mismatch, 1);
    for (int64_t at = next + threadIdx.x; at < end; at += blockDim.x) {
      args.row[at] = 0;
      args.column[at] = 0;
      args.count[at] = 0;
      float* out = args.out_notes + at * args.out_stride;
      for (int64_t j = 0; j < args.out_pairs; ++j) {
        out[j] = -1;
        out[args.out_pairs + j] = 0;
      }
    }
  }
}

// A thread a row.
__global__ void RelayPairGradientsKernel(RelayPairGradientsArgs args) {
  for (int64_t f = FirstElement(); f < args.num_rows; f += ElementStride()) {
    const int64_t row = args.row[f];
    float* to = args.to + row * args.to_stride + (args.column[f] - row * args.row_pairs);
    for (int32_t j = 0; j < args.count[f]; ++j) to[j] = args.from[f * args.from_stride + j];
  }
}

}  // namespace

int PackPairs(const PackPairsArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.num_rows), stream, PackPairsKernel, args);
}

int SortPairs(const SortPairsArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_slots), stream, SortPairsKernel, args);
}

int PackPairGradients(const PackPairGradientsArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.num_pairs), stream, PackPairGradientsKernel, args);
}

int UnpackPairGradients(const UnpackPairGradientsArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.num_rows), stream, UnpackPairGradientsKernel, args);
}

int RelayPairs(const RelayPairsArgs& args, CUstream_st* stream) {
  return Launch(BlockPerRow(args.num_ranks), stream, RelayPairsKernel, args);
}

int RelayPairGradients(const RelayPairGradientsArgs& args, CUstream_st* stream) {
  return Launch(ThreadPerElement(args.num_rows), stream, RelayPairGradientsKernel, args);
}

}  // namespace grouter::cuda
