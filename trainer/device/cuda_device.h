// A CUDA device. Built with --config=cuda.
#ifndef GROUTER_TRAINER_DEVICE_CUDA_DEVICE_H_
#define GROUTER_TRAINER_DEVICE_CUDA_DEVICE_H_

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "trainer/device/device.h"

namespace grouter {

// The machine's device `index`, with streams of its own; LibTorch's current stream becomes its kCompute on
// each thread that enters it. `timeout`: how long Synchronize waits for an event. After an error nothing is
// freed: the process is about to end, and memory that a lost collective holds would be waited for without
// end. FAILED_PRECONDITION when this build has no CUDA or there is no such device.
absl::StatusOr<std::unique_ptr<Device>> MakeCudaDevice(uint32_t index, std::chrono::milliseconds timeout);

}  // namespace grouter

#endif  // GROUTER_TRAINER_DEVICE_CUDA_DEVICE_H_
