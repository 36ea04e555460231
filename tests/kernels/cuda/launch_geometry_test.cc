#include "kernels/cuda/launch_geometry.h"

#include <gtest/gtest.h>

namespace grouter::cuda {
namespace {

using Geometry = LaunchGeometry (*)(int64_t);
constexpr Geometry kAll[] = {BlockPerRow, WideBlockPerRow, WarpPerRow,    ThreadPerElement,
                             ColumnSums,  PartialSums,     PartialRowSums};

TEST(LaunchGeometry, NothingToDoLaunchesNothing) {
  for (Geometry geometry : kAll) {
    EXPECT_EQ(geometry(0).blocks, 0u);
    EXPECT_EQ(geometry(-1).blocks, 0u);
  }
}

TEST(LaunchGeometry, AnyAmountOfWorkIsWhatADeviceTakes) {
  for (Geometry geometry : kAll) {
    uint32_t before = 0;
    for (int64_t work : {int64_t{1}, int64_t{31}, int64_t{32}, int64_t{33}, int64_t{5000}, int64_t{1} << 20,
                         int64_t{1} << 40, INT64_MAX}) {
      const LaunchGeometry at = geometry(work);
      EXPECT_GE(at.blocks, std::max(before, 1u));
      EXPECT_LE(at.blocks, 65535u);
      EXPECT_EQ(at.threads % kWarp, 0u);
      EXPECT_LE(at.threads, 1024u);
      before = at.blocks;
    }
  }
}

TEST(LaunchGeometry, SmallWorkIsCoveredWithoutStriding) {
  EXPECT_EQ(BlockPerRow(7).blocks, 7u);
  EXPECT_EQ(WarpPerRow(5).blocks, 2u);
  EXPECT_EQ(ThreadPerElement(257).blocks, 2u);
  EXPECT_EQ(ColumnSums(65).blocks, 3u);
}

TEST(LaunchGeometry, PartialSumsFitTheWorkspace) {
  EXPECT_EQ(PartialSums(1).blocks, 1u);
  EXPECT_EQ(PartialSums(int64_t{1} << 40).blocks, kReductionBlocks);
  EXPECT_EQ(PartialRowSums(int64_t{1} << 40).blocks, kReductionBlocks);
}

}  // namespace
}  // namespace grouter::cuda
