// The inner loop of a table's statistics: how often two experts are active in the same token. Pure; AVX-512
// where the processor has it and E is small enough for it to pay, else portable code: the same counts.
#ifndef GROUTER_ROUTING_TABLE_COACTIVATION_H_
#define GROUTER_ROUTING_TABLE_COACTIVATION_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

// One thread at a time. Memory: 8 E^2 bytes.
class CoactivationCounter {
 public:
  enum class Path { kBest, kPortable };
  explicit CoactivationCounter(uint32_t num_experts, Path path = Path::kBest);

  // Adds the tokens of `routes` and, to load[expert], their selections. Missing routes and slots past k_t
  // count nothing. Returns the first token that has an expert twice (counts are then undefined), or -1.
  // REQUIRES: ids < num_experts, load has num_experts entries.
  int64_t Add(const RouteView& routes, uint32_t* load);
  // Tokens in which both are active. REQUIRES: a < b < num_experts.
  uint64_t count(uint32_t a, uint32_t b) const;

 private:
  template <typename Id>
  int64_t AddPortable(const RouteView& routes, uint32_t* load);
  template <typename Id>
  int64_t AddVectors(const RouteView& routes, uint32_t* load);

  const uint32_t num_experts_;
  const uint32_t stride_;  // num_experts rounded up to a vector
  const bool vectors_;
  std::vector<uint64_t> matrix_;  // [expert][stride]; a pair's count is the sum of its two places
  std::vector<uint64_t> active_;  // [8 words of 64 tokens][stride]: bit t of word w: token 64 w + t
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_COACTIVATION_H_
