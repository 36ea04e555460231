#include <gtest/gtest.h>

#include "tests/trainer/device/conformance.h"
#include "trainer/device/cuda_device.h"

namespace grouter {
namespace {

TEST(CudaDevice, IsADevice) {
  const auto device = MakeCudaDevice(0, std::chrono::seconds(60));
  if (!device.ok()) GTEST_SKIP() << device.status().message();
  testing::ExpectStreamsInOrder(**device);
  testing::ExpectMemoryGrowsWhileItIsUsed(**device);
}

}  // namespace
}  // namespace grouter
