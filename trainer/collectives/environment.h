// Which process of the world this is, as torchrun, Slurm or Open MPI say it.
#ifndef GROUTER_TRAINER_COLLECTIVES_ENVIRONMENT_H_
#define GROUTER_TRAINER_COLLECTIVES_ENVIRONMENT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace grouter {

struct RankEnvironment {
  uint32_t rank = 0;
  uint32_t world_size = 1;  // processes
  uint32_t local_rank = 0;  // on this machine
  std::string master_address = "127.0.0.1";
  uint16_t master_port = 29500;
  bool launcher_serves_store = false;  // torchrun's agent listens on MASTER_PORT already
  uint32_t restart = 0;                // torchrun's restart count: a new meeting
};

// From RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT (torchrun); else SLURM_PROCID, SLURM_NTASKS,
// SLURM_LOCALID; else OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK; with none of them one rank alone.
// INVALID_ARGUMENT names the variable for a value that is no number, a rank outside the world, or half a set.
// `get` returns nullptr for a variable that is not set (std::getenv).
absl::StatusOr<RankEnvironment> ReadRankEnvironment(const std::function<const char*(const char*)>& get);

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_ENVIRONMENT_H_
