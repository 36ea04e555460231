// Tensors of LibTorch over a device's memory.
#ifndef GROUTER_TRAINER_DEVICE_TENSORS_H_
#define GROUTER_TRAINER_DEVICE_TENSORS_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include "trainer/device/device.h"

namespace grouter {

inline at::TensorOptions FloatTensors(const Device& device) {
  const auto options = at::TensorOptions().dtype(at::kFloat);
  if (device.cuda_index() < 0) return options;
  return options.device(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device.cuda_index())));
}

}  // namespace grouter

#endif  // GROUTER_TRAINER_DEVICE_TENSORS_H_
