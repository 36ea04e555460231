#include "trainer/device/device_buffer.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace grouter {
namespace {

TEST(DeviceBuffer, KeepsItsMemoryWhileItSuffices) {
  FloatBuffer buffer;
  EXPECT_EQ(buffer.size(), 0u);
  const float* first = buffer.Resize(CpuDevice(), 100);
  EXPECT_EQ(buffer.Resize(CpuDevice(), 3), first);
  EXPECT_EQ(buffer.size(), 3u);
  float* zeroed = buffer.ResizeZeroed(CpuDevice(), 50);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(zeroed[i], 0);
  FloatBuffer moved = std::move(buffer);
  EXPECT_EQ(moved.data(), zeroed);
  buffer = std::move(moved);
  EXPECT_EQ(buffer.data(), zeroed);
  EXPECT_EQ(moved.size(), 0u);
}

TEST(ZeroedFloats, AreZeroAndTooManyAreAnError) {
  const auto floats = ZeroedFloats(CpuDevice(), 33, "a test");
  ASSERT_TRUE(floats.ok());
  for (int i = 0; i < 33; ++i) EXPECT_EQ(floats->data()[i], 0);
  const auto none = ZeroedFloats(CpuDevice(), uint64_t{1} << 58, "a test");
  EXPECT_TRUE(absl::IsResourceExhausted(none.status())) << none.status();
}

TEST(Floats, GoToTheDeviceAndBack) {
  FloatBuffer buffer;
  const std::vector<float> values = {1, 2, 3};
  std::vector<float> back(3);
  ASSERT_TRUE(WriteFloats(CpuDevice(), buffer.Resize(CpuDevice(), 3), values.data(), 3).ok());
  ASSERT_TRUE(ReadFloats(CpuDevice(), back.data(), buffer.data(), 3).ok());
  EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace grouter
