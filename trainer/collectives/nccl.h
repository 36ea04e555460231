// Collectives over NCCL (c10d::ProcessGroupNCCL): one process and one device a rank. Built with
// --config=cuda.
#ifndef GROUTER_TRAINER_COLLECTIVES_NCCL_H_
#define GROUTER_TRAINER_COLLECTIVES_NCCL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "trainer/collectives/collectives.h"
#include "trainer/collectives/gloo.h"

namespace grouter {

// Blocks until all ranks are there; uses the device of environment.local_rank, which becomes the thread's
// current one. FAILED_PRECONDITION when this build has no CUDA, or no device is visible for the rank; else as
// MakeGlooCollectives, but a rank that dies is noticed after options.timeout.
absl::StatusOr<std::unique_ptr<Collectives>> MakeNcclCollectives(const GlooOptions& options);

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_NCCL_H_
