#include "trainer/experts/backing.h"

#include <gtest/gtest.h>

#include <vector>

#include "io/file.h"

namespace grouter {
namespace {

void ExpectHolds(ExpertBacking& backing) {
  std::vector<float> page(100), other(100, 7);
  ASSERT_TRUE(backing.Read(2, other.data()).ok());
  EXPECT_EQ(other, page);  // zero at first
  for (int i = 0; i < 100; ++i) page[i] = static_cast<float>(i);
  ASSERT_TRUE(backing.Write(1, page.data()).ok());
  ASSERT_TRUE(backing.Read(1, other.data()).ok());
  EXPECT_EQ(other, page);
  ASSERT_TRUE(backing.Read(0, other.data()).ok());
  EXPECT_EQ(other, std::vector<float>(100, 0));
}

TEST(ExpertBacking, MemoryAndFileHoldPages) {
  ExpectHolds(**MakeMemoryBacking(3, 100));
  const std::string path = JoinPath(::testing::TempDir(), "backing");
  auto file = MakeFileBacking(path, 3, 100);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(FileSystem::Local().Exists(path));  // nothing is left behind, whatever happens
  ExpectHolds(**file);
}

TEST(ExpertBacking, AFolderThatIsNotThereOrADiskThatIsTooSmallIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(MakeFileBacking("/nonexistent/backing", 1, 1).status()));
  const auto huge = MakeFileBacking(JoinPath(::testing::TempDir(), "huge"), 1u << 31, uint64_t{1} << 24);
  EXPECT_FALSE(huge.ok());
}

TEST(AllocateFloats, AreZeroAndAligned) {
  const auto floats = AllocateFloats(33);
  ASSERT_TRUE(floats.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(floats->get()) % 64, 0u);
  for (int i = 0; i < 33; ++i) EXPECT_EQ((*floats)[i], 0);
}

}  // namespace
}  // namespace grouter
