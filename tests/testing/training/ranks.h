// N ranks in one test: each a thread with its own Collectives.
#ifndef GROUTER_TESTS_TESTING_TRAINING_RANKS_H_
#define GROUTER_TESTS_TESTING_TRAINING_RANKS_H_

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "trainer/collectives/in_process.h"

namespace grouter {
namespace testing {

// Runs fn(collectives) on one thread per rank and waits for all.
inline void SpawnRanks(std::vector<std::unique_ptr<Collectives>> ranks,
                       const std::function<void(Collectives& world)>& fn) {
  std::vector<std::thread> threads;
  for (auto& rank : ranks) {
    threads.emplace_back([&fn, world = std::move(rank)] { fn(*world); });
  }
  for (std::thread& thread : threads) thread.join();
}

inline void SpawnRanks(uint32_t size, const std::function<void(Collectives& world)>& fn,
                       std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
  SpawnRanks(MakeInProcessCollectives(size, timeout), fn);
}

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_TRAINING_RANKS_H_
