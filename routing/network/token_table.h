// The static token table: for each token id, the k experts it is sent to most often. What a router network
// must beat to be worth its context.
#ifndef GROUTER_ROUTING_NETWORK_TOKEN_TABLE_H_
#define GROUTER_ROUTING_NETWORK_TOKEN_TABLE_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"

namespace grouter {

// Counts first, then Finish, then Lookup. One thread at a time; Lookup from any thread.
class TokenTable {
 public:
  // REQUIRES: k <= num_experts <= 65536.
  TokenTable(uint32_t num_experts, uint32_t k);
  // REQUIRES: every id < num_experts.
  void Add(uint32_t token, absl::Span<const uint32_t> experts);
  // Of equally frequent experts the smaller id first; a token with fewer than k is filled up with the experts
  // that are most frequent over all tokens.
  void Finish();
  // k ids. A token never seen gets the most frequent experts. REQUIRES: Finish was called.
  absl::Span<const uint32_t> Lookup(uint32_t token) const;

 private:
  uint32_t k_;
  std::vector<uint64_t> load_;                                                   // [num_experts]
  std::unordered_map<uint32_t, std::unordered_map<uint32_t, uint64_t>> counts_;  // token -> expert -> times
  std::vector<uint32_t> popular_;  // [num_experts] most frequent first
  std::unordered_map<uint32_t, std::vector<uint32_t>> best_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_TOKEN_TABLE_H_
