// The Grouter paper's own pipeline for expert grouping: samples are clustered by their affinity (k-means++,
// then agglomerative), experts are matched to the clusters. Kept as a policy to compare with and to
// reproduce.
#ifndef GROUTER_ROUTING_PLANNING_GROUPING_SAMPLE_CLUSTERS_H_
#define GROUTER_ROUTING_PLANNING_GROUPING_SAMPLE_CLUSTERS_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

// Sparse expert counts of samples, one behind the other.
struct SampleCounts {
  std::vector<uint64_t> first{0};   // [samples + 1]
  std::vector<ExpertCount> counts;  // of sample s: [first[s], first[s + 1])

  uint64_t num_samples() const { return first.size() - 1; }
  void Add(const std::vector<ExpertCount>& sample) {
    counts.insert(counts.end(), sample.begin(), sample.end());
    first.push_back(counts.size());
  }
};

struct SampleClusterOptions {
  uint32_t num_clusters = 100;
  uint32_t num_starts = 10;
  uint32_t max_rounds = 50;  // of one start
  // Samples whose affinity has more entropy than this share of the most possible are left out of the
  // clustering: the paper's 6.85 bits of log2(128). All of them are too even: none is left out.
  uint32_t max_entropy_permille = 979;
  uint64_t seed = 0;
};

// [num_experts] -> place. Every expert is placed and each place holds exactly capacity[place], whatever
// divides what; the larger clusters are matched to the larger places. Exact matching (a transportation
// problem). Integer or fixed-order arithmetic: a function of its arguments. Samples without tokens and
// experts past the last are left out. REQUIRES: capacities that sum to num_experts.
std::vector<uint32_t> GroupBySampleClusters(const SampleCounts& samples, uint32_t num_experts,
                                            const std::vector<uint32_t>& capacity,
                                            const SampleClusterOptions& options);

// Entropy of `counts` in 2^-16 bits, in integer arithmetic. Zeros count nothing.
uint64_t EntropyBits16(const std::vector<uint64_t>& counts);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_GROUPING_SAMPLE_CLUSTERS_H_
