// Collectives whose ranks are threads of one process: what tests and a single-process trainer run on.
#ifndef GROUTER_TRAINER_COLLECTIVES_IN_PROCESS_H_
#define GROUTER_TRAINER_COLLECTIVES_IN_PROCESS_H_

#include <chrono>
#include <memory>
#include <vector>

#include "trainer/collectives/collectives.h"

namespace grouter {

// One Collectives per rank. They share state and may be destroyed in any order. Reductions add in rank order.
// A call for which a peer does not come within `timeout` returns DEADLINE_EXCEEDED.
std::vector<std::unique_ptr<Collectives>> MakeInProcessCollectives(
    uint32_t size, std::chrono::milliseconds timeout = std::chrono::seconds(60));

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_IN_PROCESS_H_
