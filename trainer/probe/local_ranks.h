// Ranks without a launcher: threads of this process, each with sockets of its own on loopback.
#ifndef GROUTER_TRAINER_PROBE_LOCAL_RANKS_H_
#define GROUTER_TRAINER_PROBE_LOCAL_RANKS_H_

#include <chrono>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "trainer/collectives/collectives.h"

namespace grouter {

// Runs `rank_main` once a rank, all at once, and waits for them. The first error in rank order, or one of
// their meeting. They meet at a file in a new folder of the system's temporary files, which is removed.
absl::Status RunOnLocalRanks(uint32_t size, std::chrono::milliseconds timeout,
                             const std::function<absl::Status(Collectives& world)>& rank_main);

}  // namespace grouter

#endif  // GROUTER_TRAINER_PROBE_LOCAL_RANKS_H_
