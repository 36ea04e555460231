#include "routing/network/token_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "io/error.h"

namespace grouter {

TokenTable::TokenTable(uint32_t num_experts, uint32_t k) : k_(k), load_(num_experts) {
  GROUTER_CHECK(k <= num_experts && num_experts <= 65536);
}

void TokenTable::Add(uint32_t token, absl::Span<const uint32_t> experts) {
  auto& counts = counts_[token];
  for (const uint32_t expert : experts) {
    ++counts[expert];
    ++load_[expert];
  }
}

void TokenTable::Finish() {
  popular_.resize(load_.size());
  std::iota(popular_.begin(), popular_.end(), 0);
  std::stable_sort(popular_.begin(), popular_.end(),
                   [&](uint32_t a, uint32_t b) { return load_[a] > load_[b]; });
  best_.clear();
  for (const auto& [token, counts] : counts_) {
    std::vector<std::pair<uint32_t, uint64_t>> order(counts.begin(), counts.end());
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    std::vector<uint32_t>& ids = best_[token];
    for (size_t i = 0; i < order.size() && i < k_; ++i) ids.push_back(order[i].first);
    for (size_t i = 0; ids.size() < k_; ++i) {
      if (std::find(ids.begin(), ids.end(), popular_[i]) == ids.end()) ids.push_back(popular_[i]);
    }
  }
}

absl::Span<const uint32_t> TokenTable::Lookup(uint32_t token) const {
  const auto it = best_.find(token);
  if (it != best_.end()) return it->second;
  return absl::MakeConstSpan(popular_).subspan(0, k_);
}

}  // namespace grouter
