#include "trainer/device/cuda_device.h"

#include <gtest/gtest.h>

#include <string>

namespace grouter {
namespace {

// In the default build, in the CUDA build without a device, and past the last device.
TEST(CudaDevice, OneThatIsNotThereIsToldWhatToDo) {
  const auto device = MakeCudaDevice(1000, std::chrono::seconds(1));
  ASSERT_TRUE(absl::IsFailedPrecondition(device.status())) << device.status();
  EXPECT_NE(device.status().message().find("device: cuda"), absl::string_view::npos) << device.status();
}

}  // namespace
}  // namespace grouter
