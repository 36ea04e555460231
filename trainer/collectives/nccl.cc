#include "trainer/collectives/nccl.h"

#ifdef USE_C10D_NCCL
#include <c10/cuda/CUDAFunctions.h>

#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "trainer/collectives/c10d_group.h"

namespace grouter {

#ifdef USE_C10D_NCCL

absl::StatusOr<std::unique_ptr<Collectives>> MakeNcclCollectives(const GlooOptions& options) {
  const RankEnvironment& environment = options.environment;
  const int num_devices = c10::cuda::device_count();
  if (num_devices == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "no CUDA device is visible", "device: cuda",
                 "look at nvidia-smi and CUDA_VISIBLE_DEVICES, or train with device: cpu");
  }
  if (environment.local_rank >= static_cast<uint32_t>(num_devices)) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("local rank ", environment.local_rank,
                              " has no device of its own: ", num_devices, " visible"),
                 "device: cuda", "start as many processes on a machine as it has devices");
  }
  // A failure is a value here: no thread of the library may end the process. Read when a group is made.
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", /*overwrite=*/0);
  setenv("TORCH_NCCL_ENABLE_MONITORING", "0", /*overwrite=*/0);
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(environment.local_rank));
  const auto timeout = options.timeout;
  MakeBackend make_backend = [timeout](c10::intrusive_ptr<c10d::Store> store, int rank, int size) {
    auto nccl = c10d::ProcessGroupNCCL::Options::create();
    nccl->timeout = timeout;
    return c10::intrusive_ptr<c10d::Backend>(
        c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, std::move(nccl)));
  };
  try {
    c10::cuda::set_device(device.index());
    // One rank has nobody to meet.
    c10::intrusive_ptr<c10d::Store> store;
    if (environment.world_size == 1) {
      store = c10::make_intrusive<c10d::HashStore>();
    } else {
      store = MakeRendezvousStore(options);
    }
    GROUTER_ASSIGN_OR_RETURN(std::unique_ptr<Collectives> world,
                             MakeC10dCollectives(std::move(store), static_cast<int>(environment.rank),
                                                 static_cast<int>(environment.world_size),
                                                 std::move(make_backend), device, timeout));
    // Communicators are made by the first call: meet now, not in the first step.
    GROUTER_RETURN_IF_ERROR(world->Barrier());
    return world;
  } catch (const std::exception& error) {
    return C10dError(error, absl::StrCat("rendezvous of rank ", environment.rank));
  }
}

#else

absl::StatusOr<std::unique_ptr<Collectives>> MakeNcclCollectives(const GlooOptions& options) {
  return Error(absl::StatusCode::kFailedPrecondition, "this build has no CUDA", "device: cuda",
               "build the trainer with --config=cuda, or train with device: cpu");
}

#endif

}  // namespace grouter
