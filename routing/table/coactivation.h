// The inner loop of a table's statistics: how often two experts are active in the same token. Pure.
#ifndef GROUTER_ROUTING_TABLE_COACTIVATION_H_
#define GROUTER_ROUTING_TABLE_COACTIVATION_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

// One thread at a time. Memory: 12 E^2 bytes.
class CoactivationCounter {
 public:
  explicit CoactivationCounter(uint32_t num_experts);

  // Adds the tokens of `routes` and, to load[expert], their selections. Missing routes and slots past k_t
  // count nothing. Returns the first token that has an expert twice (counts are then undefined), or -1.
  // REQUIRES: ids < num_experts, load has num_experts entries, fewer than 2^32 tokens.
  int64_t Add(const RouteView& routes, uint32_t* load);
  // Tokens in which both are active. REQUIRES: a < b < num_experts.
  uint64_t count(uint32_t a, uint32_t b) const;

 private:
  template <typename Id>
  void AddTokens(const RouteView& routes, uint32_t* load);
  template <typename Id, uint32_t k>
  void AddFullTokens(const RouteView& routes, uint32_t* load);
  template <typename Id>
  void AddSomeTokens(const RouteView& routes, uint32_t* load);
  void MoveToTotal();

  const uint32_t num_experts_;
  // [expert][expert]; a pair's count is the sum of its two places, by rank order, and of both matrices. The
  // small one takes the increments, so that they stay in the nearest cache; the diagonal counts experts that
  // occur twice.
  std::vector<uint32_t> recent_;
  std::vector<uint64_t> total_;
  uint64_t recent_tokens_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_COACTIVATION_H_
