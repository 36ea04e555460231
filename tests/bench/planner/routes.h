// Routes as the benchmarks of one micro-batch need them: many samples of 4,096 tokens with 8 of 128 experts.
#ifndef GROUTER_TESTS_BENCH_PLANNER_ROUTES_H_
#define GROUTER_TESTS_BENCH_PLANNER_ROUTES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {
namespace bench {

inline constexpr uint32_t kExperts = 128, kTopk = 8, kTokens = 4096, kSamplesPerNode = 8;
inline constexpr uint64_t kSampleBytes = uint64_t{kTokens} * kTopk;

// [samples][tokens][k] ids. Each sample prefers a topic's experts.
std::vector<uint8_t> MakeRoutes(uint64_t num_samples);

// A file of such ids in memory, on huge pages where the system has them.
class RouteFile {
 public:
  // Ends the process when it cannot be read.
  explicit RouteFile(const char* path);
  const uint8_t* ids() const { return ids_.get(); }
  uint64_t num_samples() const { return num_samples_; }

 private:
  struct Free {
    void operator()(uint8_t* ids) const;
  };
  std::unique_ptr<uint8_t, Free> ids_;
  uint64_t num_samples_ = 0;
};

// Sample `sample` of such an array; it stays the caller's.
RouteView ViewOf(const uint8_t* ids, uint64_t sample);

}  // namespace bench
}  // namespace grouter

#endif  // GROUTER_TESTS_BENCH_PLANNER_ROUTES_H_
