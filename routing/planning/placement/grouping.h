// Which experts live together: a local search over swaps that keeps experts of the same tokens on the same
// rank and node, with a hard cap on load.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_GROUPING_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_GROUPING_H_

#include <cstdint>
#include <vector>

#include "routing/table/routing_table.h"

namespace grouter {

struct GroupingProblem {
  std::vector<uint64_t> load;           // [num_experts]
  std::vector<CoactivationPair> pairs;  // of distinct experts
  std::vector<uint32_t> capacity;       // [ranks] experts each holds; they sum to num_experts
  std::vector<uint32_t> node_of_rank;   // [ranks]
  // Worth of one co-activation on one rank, and of one on one node besides.
  uint64_t rank_worth = 1;
  uint64_t node_worth = 1;
  uint64_t load_limit = UINT64_MAX;  // of one rank
};

struct Grouping {
  std::vector<uint32_t> rank_of_expert;
  uint64_t excess = 0;  // load above load_limit, summed over ranks; 0: the cap is held
  uint64_t worth = 0;   // co-activations kept together, weighted
};

// The grouping of least excess, then of greatest worth, that `iterations` tried swaps find, over as many
// starts as they allow: the first deals experts in order, the others are the best so far with a part
// shuffled. Deterministic; more iterations are never worse. Memory O(num_experts x ranks + pairs), and a
// dense matrix up to 2,048 experts. REQUIRES: capacities that sum to num_experts.
Grouping GroupExperts(const GroupingProblem& problem, uint64_t iterations, uint64_t seed);

// What a given grouping is worth, computed from scratch.
Grouping EvaluateGrouping(const GroupingProblem& problem, std::vector<uint32_t> rank_of_expert);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_GROUPING_H_
