// Expanding: a router for more experts. New experts serve the tokens the old ones serve worst: k-means over
// the hidden states of the tokens with the lowest best scores gives the new rows of the last linear layer. No
// LibTorch.
#ifndef GROUTER_ROUTING_NETWORK_EXPAND_H_
#define GROUTER_ROUTING_NETWORK_EXPAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "routing/network/progress.h"
#include "routing/network/router.h"
#include "routing/network/sample_source.h"

namespace grouter {

// Lloyd's k-means over `points` [n x size]. It starts from points drawn with `seed`, each with a chance that
// grows with the square of its distance to those drawn before (k-means++); an empty cluster starts anew at
// the point farthest from its center. Pure, sequential arithmetic. Returns [num_centers x size]. REQUIRES: 1
// <= num_centers <= n.
std::vector<float> ClusterCenters(absl::Span<const float> points, uint32_t size, uint32_t num_centers,
                                  uint32_t iterations, uint64_t seed);

// New rows [centers x size] for `old_rows` [n x size]: each center less its part in the span of the old rows
// and of the new ones before it, scaled to the old rows' mean norm. Where nothing is left outside that span
// (there are as many rows as dimensions) the center itself is scaled. Pure.
std::vector<float> NewScoreRows(absl::Span<const float> old_rows, absl::Span<const float> centers,
                                uint32_t size);

struct ExpandOptions {
  uint32_t num_experts = 0;      // of the expanded router, above E
  double worst_share = 0.2;      // of the tokens: those with the lowest best score
  uint64_t max_tokens = 50'000;  // hidden states kept in memory
  uint32_t iterations = 50;
  uint64_t seed = 1;
};

struct ExpandMetrics {
  uint64_t num_tokens = 0;
  uint64_t num_worst_tokens = 0;
  double max_vio_before = 0;
  double max_vio_after = 0;
  double new_expert_share = 0;  // of all selections, those of new experts

  std::string ToJson() const;
};

struct ExpandResult {
  Router router;  // old experts keep their ids and scores; a selection bias is 0 for new ones
  ExpandMetrics metrics;
};

// Deterministic. INVALID_ARGUMENT for options that do not fit or too few tokens.
absl::StatusOr<ExpandResult> Expand(const Router& router, const SampleSource& samples,
                                    const ExpandOptions& options, const ProgressCallback& progress = {});

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_EXPAND_H_
