// The inner loop of a table's statistics: how often two experts are active in the same token. Pure.
#ifndef GROUTER_ROUTING_TABLE_COACTIVATION_H_
#define GROUTER_ROUTING_TABLE_COACTIVATION_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

// kBest: a bitmap of tokens for each expert and the bits that two have in common, where the processor counts
// bits side by side (AVX-512 VPOPCNTDQ) and E is small beside k; else, and with kByToken, one increment a
// pair.
enum class CoactivationPath { kBest, kByToken };

// One thread at a time. Memory: 12 E^2 bytes, and 576 E of bitmaps. Every path gives the same counts.
class CoactivationCounter {
 public:
  explicit CoactivationCounter(uint32_t num_experts, CoactivationPath path = CoactivationPath::kBest);

  // Adds the tokens of `routes` and, to load[expert], their selections. Missing routes and slots past k_t
  // count nothing. Returns the first token that has an expert twice (counts are then undefined), or -1.
  // REQUIRES: ids < num_experts, load has num_experts entries, fewer than 2^32 tokens.
  int64_t Add(const RouteView& routes, uint32_t* load);
  // Tokens in which both are active. REQUIRES: a < b < num_experts.
  uint64_t count(uint32_t a, uint32_t b) const;

 private:
  // The tokens of one expert in up to 4,096, 512 a line. The last line is never used: it keeps the bitmaps of
  // neighbours out of each other's way in the cache.
  struct alignas(64) Line {
    uint64_t words[8];
  };

  // By bitmaps. Returns whether no token had an expert twice.
  bool AddByBits(const RouteView& routes, uint32_t* load);
  uint64_t SetBits(const RouteView& routes, uint32_t begin, uint32_t end);
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
  const bool by_bits_;
  std::vector<Line> bits_;  // [expert, rounded up to 4][9], when by_bits_
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_COACTIVATION_H_
