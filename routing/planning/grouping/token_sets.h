// The routes of some tokens of a run, turned round: for each expert, which of the tokens use it. What a
// search for placements counts copies on.
#ifndef GROUTER_ROUTING_PLANNING_GROUPING_TOKEN_SETS_H_
#define GROUTER_ROUTING_PLANNING_GROUPING_TOKEN_SETS_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

// Tokens are bits; a sample begins at a word. Memory: num_experts x tokens bits. A value.
class TokenSets {
 public:
  explicit TokenSets(uint32_t num_experts) : bits_(num_experts) {}

  // Adds up to `max_tokens` tokens of a sample, in runs of at most 64 spread evenly over it. Ids past the
  // last expert are left out. REQUIRES: max_tokens > 0.
  void AddSample(const RouteView& routes, uint32_t max_tokens);

  uint32_t num_experts() const { return static_cast<uint32_t>(bits_.size()); }
  uint32_t num_samples() const { return static_cast<uint32_t>(first_word_.size()) - 1; }
  uint64_t num_tokens() const { return num_tokens_; }
  // Words [FirstWord(sample), FirstWord(sample + 1)) are the sample's.
  uint32_t FirstWord(uint32_t sample) const { return first_word_[sample]; }
  uint32_t num_words() const { return first_word_.back(); }
  // [num_words()]
  const uint64_t* BitsOf(uint32_t expert) const { return bits_[expert].data(); }

  // The same tokens, of `experts` alone: expert i is experts[i] here.
  TokenSets OnlyExperts(const std::vector<uint32_t>& experts) const;

 private:
  std::vector<std::vector<uint64_t>> bits_;  // [num_experts][num_words]
  std::vector<uint32_t> first_word_{0};
  uint64_t num_tokens_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_GROUPING_TOKEN_SETS_H_
