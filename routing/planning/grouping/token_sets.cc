#include "routing/planning/grouping/token_sets.h"

#include <algorithm>

namespace grouter {

void TokenSets::AddSample(const RouteView& routes, uint32_t max_tokens) {
  const uint32_t taken = std::min(max_tokens, routes.num_tokens);
  const uint32_t words = (taken + 63) / 64;
  const uint32_t first = num_words();
  for (auto& bits : bits_) bits.resize(first + words, 0);
  for (uint32_t w = 0; w < words; ++w) {
    const uint32_t count = std::min<uint32_t>(64, taken - 64 * w);
    // The run's place: the tokens that are left out lie between the runs.
    const uint64_t skipped = words > 1 ? uint64_t{routes.num_tokens - taken} * w / (words - 1) : 0;
    const uint32_t begin = static_cast<uint32_t>(64 * w + skipped);
    for (uint32_t t = 0; t < count; ++t) {
      const uint32_t k = routes.NumTopk(begin + t);
      for (uint32_t j = 0; j < k; ++j) {
        const uint32_t expert = routes.Id(begin + t, j);
        if (expert < num_experts()) bits_[expert][first + w] |= uint64_t{1} << t;
      }
    }
  }
  first_word_.push_back(first + words);
  num_tokens_ += taken;
}

TokenSets TokenSets::OnlyExperts(const std::vector<uint32_t>& experts) const {
  TokenSets some(static_cast<uint32_t>(experts.size()));
  for (size_t i = 0; i < experts.size(); ++i) some.bits_[i] = bits_[experts[i]];
  some.first_word_ = first_word_;
  some.num_tokens_ = num_tokens_;
  return some;
}

}  // namespace grouter
