// The stand-in for a real run's routes: Zipf tokens; a token's logits are its own, its topic's and noise.
#ifndef GROUTER_TESTS_BENCH_TABLE_STAND_IN_H_
#define GROUTER_TESTS_BENCH_TABLE_STAND_IN_H_

#include <cstdint>
#include <vector>

namespace grouter {
namespace bench {

struct StandInOptions {
  uint32_t num_samples = 2048;
  uint32_t sample_tokens = 4096;
  uint32_t vocabulary = 32000;
  uint32_t num_topics = 64;
  uint32_t num_experts = 128;
  uint32_t k = 8;
  uint64_t seed = 20260306;
};

// [sample][token][k]; scores descend and sum to 1 in each token.
struct StandIn {
  std::vector<uint32_t> tokens;  // [sample][token]
  std::vector<uint8_t> ids;
  std::vector<float> scores;
};
StandIn MakeStandIn(const StandInOptions& options);

}  // namespace bench
}  // namespace grouter

#endif  // GROUTER_TESTS_BENCH_TABLE_STAND_IN_H_
