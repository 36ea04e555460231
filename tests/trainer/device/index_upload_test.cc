#include "trainer/device/index_upload.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/training/fake_device.h"

namespace grouter {
namespace {

template <typename T>
std::vector<T> Read(Device& device, const T* at, size_t count) {
  std::vector<T> values(count);
  device.Download(Stream::kCompute, values.data(), at, count * sizeof(T));
  EXPECT_TRUE(device.Synchronize(device.Record(Stream::kCompute)).ok());
  return values;
}

TEST(IndexUpload, ArraysOfAnyTypeArriveBeforeWhatWaitsForThem) {
  testing::FakeDevice device;
  IndexUpload upload(device);
  for (int round = 0; round < 3; ++round) {
    const std::vector<int32_t> tokens(5 + 20 * round, 7 + round), none;
    const std::vector<float> weights = {0.5f, 1.5f};
    const int32_t *on_tokens = nullptr, *on_none = nullptr;
    const float* on_weights = nullptr;
    upload.Begin();
    upload.Add(tokens, &on_tokens);
    upload.Add(none, &on_none);
    upload.Add(weights, &on_weights);
    upload.Start(Stream::kPlans);
    device.Wait(Stream::kCompute, upload.done());
    EXPECT_EQ(Read(device, on_tokens, tokens.size()), tokens);
    EXPECT_EQ(Read(device, on_weights, weights.size()), weights);
    upload.Used();
  }
}

TEST(UploadPool, HandsOutWhatNobodyHolds) {
  testing::FakeDevice device;
  const auto pool = std::make_shared<UploadPool>(device);
  std::shared_ptr<IndexUpload> first = pool->Take(), second = pool->Take();
  EXPECT_NE(first, second);
  const IndexUpload* const was = first.get();
  first.reset();
  EXPECT_EQ(pool->Take().get(), was);
}

}  // namespace
}  // namespace grouter
