// A grouping made better by counting on real tokens what co-activation of pairs only estimates: a token's row
// is sent once to each node and each rank that it needs.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_TOKEN_GROUPING_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_TOKEN_GROUPING_H_

#include <cstdint>
#include <vector>

#include "routing/planning/grouping/token_sets.h"
#include "routing/planning/placement/grouping.h"

namespace grouter {

// From `start` ([experts] -> rank, as the capacities say): first experts to nodes, so that tokens leave the
// node of their sample for few others, then inside each node to its ranks, so that they visit few.
// `problem.pairs` are not read. Deterministic; `iterations` moves are tried. The capacities are held; the
// load limit as well as is found. REQUIRES: tokens of as many experts as `problem` has.
std::vector<uint32_t> GroupByTokens(const GroupingProblem& problem, const TokenSets& tokens,
                                    const std::vector<uint32_t>& start, uint64_t iterations, uint64_t seed);

// The same with `slots`[r] slots a rank, at least its capacity: a node's spare slots hold further copies of
// the experts whose tokens would leave other nodes, at most one a node. [rank] -> experts; slots that are
// left over stay free (AddReplicas fills them by load).
std::vector<std::vector<uint32_t>> GroupWithReplicas(const GroupingProblem& problem,
                                                     const std::vector<uint32_t>& slots,
                                                     const TokenSets& tokens,
                                                     const std::vector<uint32_t>& start, uint64_t iterations,
                                                     uint64_t seed);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_TOKEN_GROUPING_H_
