// Independent pieces of one call's work on several threads.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_FOR_EACH_H_
#define GROUTER_ROUTING_PLANNING_BATCH_FOR_EACH_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace grouter {

// Calls work(i) for each i in [0, count) once, on up to `num_threads` threads, the caller's among them;
// returns when all are done. Pieces must not touch each other's results.
template <typename Work>
void ForEach(uint32_t count, uint32_t num_threads, Work work) {
  if (num_threads <= 1 || count <= 1) {
    for (uint32_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<uint32_t> next{0};
  const auto run = [&] {
    for (uint32_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> threads;
  for (uint32_t t = 1; t < std::min(num_threads, count); ++t) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_FOR_EACH_H_
