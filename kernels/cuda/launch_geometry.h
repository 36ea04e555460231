// How many blocks of how many threads a kernel gets: pure functions of a shape, so that the order of every
// sum follows from the shape alone.
//
// Every kernel strides over what its grid does not cover, so any number of blocks computes everything.
#ifndef GROUTER_KERNELS_CUDA_LAUNCH_GEOMETRY_H_
#define GROUTER_KERNELS_CUDA_LAUNCH_GEOMETRY_H_

#include <cstdint>

namespace grouter::cuda {

inline constexpr int kWarp = 32;
inline constexpr int kRowThreads = 128;      // of a block that works on one row, or a warp on each of four
inline constexpr int kWideRowThreads = 512;  // of a block on a row of the vocabulary's width
inline constexpr int kElementThreads = 256;
inline constexpr int kColumnLanes = 8;  // rows that a block of column sums reads at once, a warp each
inline constexpr int64_t kMaxBlocks = 65535;
inline constexpr int64_t kReductionBlocks = 512;  // partial sums of a whole buffer

struct LaunchGeometry {
  uint32_t blocks = 0;  // 0: nothing to do, nothing is launched
  uint32_t threads = 0;
};

constexpr LaunchGeometry Blocks(int64_t work, int64_t work_per_block, int threads, int64_t most) {
  const int64_t blocks = work <= 0 ? 0 : (work - 1) / work_per_block + 1;
  return {static_cast<uint32_t>(blocks < most ? blocks : most), static_cast<uint32_t>(threads)};
}

constexpr LaunchGeometry BlockPerRow(int64_t num_rows) {
  return Blocks(num_rows, 1, kRowThreads, kMaxBlocks);
}
constexpr LaunchGeometry WideBlockPerRow(int64_t num_rows) {
  return Blocks(num_rows, 1, kWideRowThreads, kMaxBlocks);
}
constexpr LaunchGeometry WarpPerRow(int64_t num_rows) {
  return Blocks(num_rows, kRowThreads / kWarp, kRowThreads, kMaxBlocks);
}
constexpr LaunchGeometry ThreadPerElement(int64_t size) {
  return Blocks(size, kElementThreads, kElementThreads, kMaxBlocks);
}
// 32 columns a block, all rows.
constexpr LaunchGeometry ColumnSums(int64_t width) {
  return Blocks(width, kWarp, kWarp * kColumnLanes, kMaxBlocks);
}
// First pass of a sum over a buffer: at most kReductionBlocks partial sums.
constexpr LaunchGeometry PartialSums(int64_t size) {
  return Blocks(size, 8 * kElementThreads, kElementThreads, kReductionBlocks);
}
// The same over rows, a warp each.
constexpr LaunchGeometry PartialRowSums(int64_t num_rows) {
  return Blocks(num_rows, kRowThreads / kWarp, kRowThreads, kReductionBlocks);
}

}  // namespace grouter::cuda

#endif  // GROUTER_KERNELS_CUDA_LAUNCH_GEOMETRY_H_
