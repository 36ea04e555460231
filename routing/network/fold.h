// Folding: a router for fewer experts. Experts that are active together become one, and its score is the sum
// of theirs: W_target = M W_source, where row g of M has ones at group g's members. No LibTorch.
#ifndef GROUTER_ROUTING_NETWORK_FOLD_H_
#define GROUTER_ROUTING_NETWORK_FOLD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "routing/network/progress.h"
#include "routing/network/router.h"
#include "routing/network/sample_source.h"

namespace grouter {

// How often two experts are active in the same token. One thread at a time.
class Coactivation {
 public:
  // REQUIRES: num_experts <= kMaxExperts (the matrix is dense).
  static constexpr uint32_t kMaxExperts = 8192;
  explicit Coactivation(uint32_t num_experts);

  // One token's experts, each once. REQUIRES: every id < num_experts.
  void Add(absl::Span<const uint32_t> experts);
  uint32_t num_experts() const { return num_experts_; }
  uint64_t count(uint32_t a, uint32_t b) const { return counts_[size_t{a} * num_experts_ + b]; }  // symmetric
  uint64_t load(uint32_t expert) const { return count(expert, expert); }

 private:
  uint32_t num_experts_;
  std::vector<uint64_t> counts_;
};

// The paper's greedy: num_groups groups of floor(E / num_groups) experts, the first E mod num_groups one
// larger. A group starts with the first expert not yet placed, then takes the one with the largest summed
// co-activation with its members; of equal ones the smaller id. Pure. REQUIRES: 1 <= num_groups <= E.
std::vector<std::vector<uint32_t>> GroupExperts(const Coactivation& coactivation, uint32_t num_groups);

// The folded router: last linear layer (and selection bias) summed over each group. Pure. INVALID_ARGUMENT
// unless the groups hold every expert exactly once, none is empty, and k fits.
absl::StatusOr<Router> FoldRouter(const Router& router, const std::vector<std::vector<uint32_t>>& groups,
                                  uint32_t k);

struct FoldOptions {
  uint32_t num_experts = 0;         // of the folded router, 2..E - 1
  uint32_t k = 0;                   // 0: as before, at most num_experts
  uint64_t max_tokens = 1'000'000;  // co-activation is counted over this many
};

struct FoldMetrics {
  uint64_t num_tokens = 0;
  uint32_t num_experts_before = 0;
  uint32_t num_experts_after = 0;
  double max_vio_before = 0;
  double max_vio_after = 0;  // of the folded router's own routes, on the same tokens
  std::vector<std::vector<uint32_t>> groups;

  std::string ToJson() const;
};

struct FoldResult {
  Router router;
  FoldMetrics metrics;
};

// Counts, groups, folds, measures. Deterministic.
absl::StatusOr<FoldResult> Fold(const Router& router, const SampleSource& samples, const FoldOptions& options,
                                const ProgressCallback& progress = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_FOLD_H_
