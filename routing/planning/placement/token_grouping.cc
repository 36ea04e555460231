#include "routing/planning/placement/token_grouping.h"

#include <algorithm>

#include "io/error.h"
#include "routing/planning/grouping/copy_search.h"

namespace grouter {
namespace {

uint64_t Times(uint64_t limit, uint64_t ranks) {
  return limit > UINT64_MAX / ranks ? UINT64_MAX : limit * ranks;
}

// [experts] -> node, from the search or as they are when there is one node.
std::vector<uint32_t> ToNodes(const GroupingProblem& problem, const TokenSets& tokens,
                              const std::vector<uint32_t>& start, uint64_t iterations, uint64_t seed) {
  const uint32_t nodes = 1 + *std::max_element(problem.node_of_rank.begin(), problem.node_of_rank.end());
  std::vector<uint32_t> node_of_expert;
  for (uint32_t rank : start) node_of_expert.push_back(problem.node_of_rank[rank]);
  if (nodes == 1) return node_of_expert;
  CopyProblem copies;
  copies.tokens = &tokens;
  copies.load = problem.load;
  copies.slots.assign(nodes, 0);
  copies.sample_share.assign(nodes, 0);
  for (size_t r = 0; r < problem.capacity.size(); ++r) {
    copies.slots[problem.node_of_rank[r]] += problem.capacity[r];
    ++copies.sample_share[problem.node_of_rank[r]];
  }
  for (uint32_t ranks : copies.sample_share) copies.load_limit.push_back(Times(problem.load_limit, ranks));
  return FindFewestCopies(copies, node_of_expert, iterations, seed).home;
}

// Ranks of one node's experts; those of `start` where they still fit.
void ToRanks(const GroupingProblem& problem, const TokenSets& tokens, const std::vector<uint32_t>& start,
             const std::vector<uint32_t>& experts, const std::vector<uint32_t>& ranks, uint64_t iterations,
             uint64_t seed, std::vector<uint32_t>* rank_of_expert) {
  CopyProblem copies;
  const TokenSets mine = tokens.OnlyExperts(experts);
  copies.tokens = &mine;
  for (uint32_t e : experts) copies.load.push_back(problem.load[e]);
  for (uint32_t r : ranks) copies.slots.push_back(problem.capacity[r]);
  copies.load_limit.assign(ranks.size(), problem.load_limit);
  std::vector<uint32_t> room = copies.slots, place(experts.size(), UINT32_MAX);
  for (size_t i = 0; i < experts.size(); ++i) {
    const auto at = std::find(ranks.begin(), ranks.end(), start[experts[i]]) - ranks.begin();
    if (static_cast<size_t>(at) == ranks.size() || room[at] == 0) continue;
    place[i] = static_cast<uint32_t>(at);
    --room[at];
  }
  uint32_t next = 0;
  for (uint32_t& each : place) {
    if (each != UINT32_MAX) continue;
    while (room[next] == 0) ++next;
    each = next;
    --room[next];
  }
  if (ranks.size() > 1) place = FindFewestCopies(copies, place, iterations, seed).home;
  for (size_t i = 0; i < experts.size(); ++i) (*rank_of_expert)[experts[i]] = ranks[place[i]];
}

}  // namespace

std::vector<uint32_t> GroupByTokens(const GroupingProblem& problem, const TokenSets& tokens,
                                    const std::vector<uint32_t>& start, uint64_t iterations, uint64_t seed) {
  GROUTER_CHECK(start.size() == problem.load.size() && tokens.num_experts() == problem.load.size());
  const uint32_t nodes = 1 + *std::max_element(problem.node_of_rank.begin(), problem.node_of_rank.end());
  const uint64_t half = nodes > 1 ? iterations / 2 : iterations;
  const std::vector<uint32_t> node_of_expert = ToNodes(problem, tokens, start, iterations - half, seed);
  std::vector<std::vector<uint32_t>> experts(nodes), ranks(nodes);
  for (uint32_t e = 0; e < node_of_expert.size(); ++e) experts[node_of_expert[e]].push_back(e);
  for (uint32_t r = 0; r < problem.node_of_rank.size(); ++r) ranks[problem.node_of_rank[r]].push_back(r);
  std::vector<uint32_t> rank_of_expert(start.size());
  for (uint32_t n = 0; n < nodes; ++n) {
    if (experts[n].empty()) continue;
    ToRanks(problem, tokens, start, experts[n], ranks[n], half / nodes, seed + n, &rank_of_expert);
  }
  return rank_of_expert;
}

}  // namespace grouter
