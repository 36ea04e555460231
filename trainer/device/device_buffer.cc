#include "trainer/device/device_buffer.h"

#include <new>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {

absl::StatusOr<FloatBuffer> ZeroedFloats(Device& device, uint64_t size, absl::string_view what) {
  FloatBuffer buffer;
  try {
    buffer.ResizeZeroed(device, size);
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted,
                 absl::StrCat("no memory for ", size * sizeof(float), " bytes"), what,
                 "hold fewer experts resident, or train on more ranks");
  }
  return buffer;
}

absl::Status WriteFloats(Device& device, float* to, const float* from_host, uint64_t size) {
  device.Upload(Stream::kCompute, to, from_host, size * sizeof(float));
  return device.Synchronize(device.Record(Stream::kCompute));
}

absl::Status ReadFloats(Device& device, float* to_host, const float* from, uint64_t size) {
  device.Download(Stream::kCompute, to_host, from, size * sizeof(float));
  return device.Synchronize(device.Record(Stream::kCompute));
}

}  // namespace grouter
