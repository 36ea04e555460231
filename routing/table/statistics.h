// What run-level planning reads instead of routes: per layer group the load of each expert and which experts
// are active in the same token, per sample the experts' counts. Values and their encoding; no I/O.
#ifndef GROUTER_ROUTING_TABLE_STATISTICS_H_
#define GROUTER_ROUTING_TABLE_STATISTICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "routing/table/coactivation.h"
#include "routing/table/routing_table.h"

namespace grouter {

// Co-activation is a full matrix up to this many experts; above, at most kMaxTrackedPairs pairs are counted
// at a time (the rarer half is dropped when they are exceeded) and the kMaxStoredPairs largest are stored.
constexpr uint32_t kExactCoactivationExperts = 512;
constexpr size_t kMaxTrackedPairs = size_t{1} << 20;
constexpr size_t kMaxStoredPairs = size_t{1} << 18;

// Collects one layer group's statistics. One thread at a time. Memory: O(E^2) up to
// kExactCoactivationExperts, else O(E + kMaxTrackedPairs).
class StatisticsCollector {
 public:
  explicit StatisticsCollector(uint32_t num_experts);
  // Adds one sample and writes its counts to *counts (cleared first). INVALID_ARGUMENT naming the token when
  // a token has an expert twice. REQUIRES: ids < num_experts.
  absl::Status Add(const RouteView& routes, std::vector<ExpertCount>* counts);
  LayerGroupStatistics Finish();

 private:
  absl::Status AddDense(const RouteView& routes);
  absl::Status AddHashed(const RouteView& routes);
  void DropRarePairs();

  const uint32_t num_experts_;
  LayerGroupStatistics result_;
  std::vector<uint32_t> sample_load_;          // of the sample being added
  absl::optional<CoactivationCounter> dense_;  // up to kExactCoactivationExperts
  absl::flat_hash_map<uint64_t, uint64_t> hashed_;
};

// Adds `from` to *into: loads and counts summed, pairs united; exact only when both are.
void MergeStatistics(const LayerGroupStatistics& from, LayerGroupStatistics* into);

void EncodeStatistics(const LayerGroupStatistics& statistics, std::string* out);
// DATA_LOSS when cut, out of order or past `num_experts`.
absl::StatusOr<LayerGroupStatistics> DecodeStatistics(absl::string_view bytes, uint32_t num_experts);

// Sparse expert counts of one sample: byte 0 = 0: (gap, count) pairs; 1: a bitmap of E bits, then counts.
// The shorter of the two is written.
void EncodeExpertCounts(absl::Span<const ExpertCount> counts, uint32_t num_experts, std::string* out);
// Clears *counts. DATA_LOSS when cut, out of order or past `num_experts`.
absl::Status DecodeExpertCounts(absl::string_view bytes, uint32_t num_experts,
                                std::vector<ExpertCount>* counts);

}  // namespace grouter

#endif  // GROUTER_ROUTING_TABLE_STATISTICS_H_
