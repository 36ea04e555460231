// What every Device must do.
#ifndef GROUTER_TESTS_TRAINER_DEVICE_CONFORMANCE_H_
#define GROUTER_TESTS_TRAINER_DEVICE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "trainer/device/device_buffer.h"

namespace grouter {
namespace testing {

inline void ExpectStreamsInOrder(Device& device) {
  const uint64_t size = 1000;
  std::vector<float> numbers(size), back(size), later(size);
  std::iota(numbers.begin(), numbers.end(), 1.0f);
  FloatBuffer a, b;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.Resize(device, size)) % 64, 0u);
  b.ResizeZeroed(device, size);
  // Indices come on one stream, are used on the second, and their memory is written again on the first.
  device.Upload(Stream::kPlans, a.data(), numbers.data(), size * sizeof(float));
  device.Wait(Stream::kCompute, device.Record(Stream::kPlans));
  device.kernels().Add(static_cast<int64_t>(size), a.data(), b.data());
  device.kernels().Add(static_cast<int64_t>(size), a.data(), b.data());
  device.Copy(Stream::kCompute, a.data(), b.data(), size / 2 * sizeof(float));
  device.Zero(Stream::kCompute, b.data(), sizeof(float));
  const DeviceEventPtr used = device.Record(Stream::kCompute);
  device.Wait(Stream::kExperts, used);
  device.Download(Stream::kExperts, back.data(), b.data(), size * sizeof(float));
  ASSERT_TRUE(device.Synchronize(device.Record(Stream::kExperts)).ok());
  ASSERT_TRUE(ReadFloats(device, later.data(), a.data(), size).ok());
  EXPECT_EQ(back[0], 0);
  EXPECT_EQ(later[0], 2);
  for (uint64_t i = 1; i < size; ++i) {
    EXPECT_EQ(back[i], 2 * numbers[i]);
    EXPECT_EQ(later[i], i < size / 2 ? 2 * numbers[i] : numbers[i]);
  }
  EXPECT_TRUE(device.Synchronize(nullptr).ok());
}

inline void ExpectMemoryGrowsWhileItIsUsed(Device& device) {
  FloatBuffer sum;
  sum.ResizeZeroed(device, 64);
  for (uint64_t size = 64; size < 100000; size *= 3) {
    FloatBuffer ones;  // freed behind what reads it
    const std::vector<float> values(size, 1);
    ASSERT_TRUE(WriteFloats(device, ones.Resize(device, size), values.data(), size).ok());
    device.kernels().Add(64, ones.data(), sum.data());
  }
  std::vector<float> back(64);
  ASSERT_TRUE(ReadFloats(device, back.data(), sum.data(), 64).ok());
  EXPECT_EQ(back, std::vector<float>(64, 7));
  void* host = device.AllocateHost(100);
  EXPECT_NE(host, nullptr);
  device.FreeHost(host);
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TRAINER_DEVICE_CONFORMANCE_H_
