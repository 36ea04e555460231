// A decorator that counts what a rank asks of its group, for tests and metrics.
#ifndef GROUTER_TRAINER_COLLECTIVES_COUNTING_H_
#define GROUTER_TRAINER_COLLECTIVES_COUNTING_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "trainer/collectives/collectives.h"

namespace grouter {

// Calls and bytes sent to other ranks. Shared by a group and its subgroups; read from any thread.
struct CollectiveCounts {
  std::atomic<uint64_t> row_exchanges{0};
  std::atomic<uint64_t> count_exchanges{0};
  std::atomic<uint64_t> expert_exchanges{0};
  std::atomic<uint64_t> reductions{0};
  std::atomic<uint64_t> broadcasts{0};
  std::atomic<uint64_t> barriers{0};
  std::atomic<uint64_t> row_bytes_sent{0};
};

// Forwards every call to `inner`; `counts` must outlive it.
std::unique_ptr<Collectives> MakeCountingCollectives(std::unique_ptr<Collectives> inner,
                                                     CollectiveCounts* counts);

}  // namespace grouter

#endif  // GROUTER_TRAINER_COLLECTIVES_COUNTING_H_
