// Routes as the benchmarks of one micro-batch need them: many samples of 4,096 tokens with 8 of 128 experts.
#ifndef GROUTER_TESTS_BENCH_PLANNER_ROUTES_H_
#define GROUTER_TESTS_BENCH_PLANNER_ROUTES_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {
namespace bench {

inline constexpr uint32_t kExperts = 128, kTopk = 8, kTokens = 4096, kSamplesPerNode = 8;

// [samples][tokens][k] ids. Each sample prefers a topic's experts.
std::vector<uint8_t> MakeRoutes(uint64_t num_samples);

// Sample `sample` of such an array; it stays the caller's.
RouteView ViewOf(const uint8_t* ids, uint64_t sample);

}  // namespace bench
}  // namespace grouter

#endif  // GROUTER_TESTS_BENCH_PLANNER_ROUTES_H_
