#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/training/fake_device.h"
#include "tests/trainer/device/conformance.h"
#include "trainer/device/device.h"

namespace grouter {
namespace {

TEST(CpuDevice, IsADevice) {
  testing::ExpectStreamsInOrder(CpuDevice());
  testing::ExpectMemoryGrowsWhileItIsUsed(CpuDevice());
}

TEST(FakeDevice, IsADevice) {
  testing::FakeDevice device;
  testing::ExpectStreamsInOrder(device);
  testing::ExpectMemoryGrowsWhileItIsUsed(device);
}

TEST(CpuDevice, DoesWhatIsQueuedAtOnceInTheHostsMemory) {
  Device& device = CpuDevice();
  EXPECT_TRUE(device.is_host());
  EXPECT_EQ(device.cuda_index(), -1);
  auto* memory = static_cast<int*>(device.Allocate(4 * sizeof(int)));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
  const std::vector<int> values = {1, 2, 3, 4};
  device.Upload(Stream::kPlans, memory, values.data(), 4 * sizeof(int));
  device.Copy(Stream::kCompute, memory + 2, memory, 2 * sizeof(int));
  device.Zero(Stream::kCompute, memory, sizeof(int));
  std::vector<int> back(4);
  device.Download(Stream::kExperts, back.data(), memory, 4 * sizeof(int));
  EXPECT_EQ(back, (std::vector<int>{0, 2, 1, 2}));
  const DeviceEventPtr event = device.Record(Stream::kCompute);
  device.Wait(Stream::kExperts, event);
  EXPECT_TRUE(device.Synchronize(event).ok());
  device.Copy(Stream::kCompute, nullptr, nullptr, 0);
  device.Free(memory);
}

}  // namespace
}  // namespace grouter
