#include "routing/planning/placement/token_grouping.h"

#include <algorithm>

#include "io/error.h"
#include "routing/planning/grouping/copy_search.h"

namespace grouter {
namespace {

uint64_t Times(uint64_t limit, uint64_t ranks) {
  return limit > UINT64_MAX / ranks ? UINT64_MAX : limit * ranks;
}

// The experts of each node and their homes, from the search or as they are when there is one node.
ExpertPlaces ToNodes(const GroupingProblem& problem, const std::vector<uint32_t>& slots,
                     const TokenSets& tokens, const std::vector<uint32_t>& start, uint64_t iterations,
                     uint64_t seed) {
  const uint32_t nodes = 1 + *std::max_element(problem.node_of_rank.begin(), problem.node_of_rank.end());
  ExpertPlaces places;
  for (uint32_t rank : start) places.home.push_back(problem.node_of_rank[rank]);
  if (nodes == 1) {
    places.experts.resize(1);
    for (uint32_t e = 0; e < start.size(); ++e) places.experts[0].push_back(e);
    return places;
  }
  CopyProblem copies;
  copies.tokens = &tokens;
  copies.load = problem.load;
  copies.slots.assign(nodes, 0);
  copies.sample_share.assign(nodes, 0);
  for (size_t r = 0; r < slots.size(); ++r) {
    copies.slots[problem.node_of_rank[r]] += slots[r];
    ++copies.sample_share[problem.node_of_rank[r]];
  }
  for (uint32_t ranks : copies.sample_share) copies.load_limit.push_back(Times(problem.load_limit, ranks));
  return FindFewestCopies(copies, places.home, iterations, seed);
}

// Slots of a node's ranks that hold `count` experts, as evenly as `slots` allow: what is left over is for
// further copies.
std::vector<uint32_t> EvenRoom(const std::vector<uint32_t>& slots, size_t count) {
  std::vector<uint32_t> room(slots.size(), 0);
  while (count > 0) {
    const size_t before = count;
    for (size_t r = 0; r < slots.size() && count > 0; ++r) {
      if (room[r] == slots[r]) continue;
      ++room[r];
      --count;
    }
    GROUTER_CHECK(count < before);
  }
  return room;
}

// The ranks, an index each, of one node's experts, whose loads are given; those of `start` where they still
// fit.
std::vector<uint32_t> ToRanks(const GroupingProblem& problem, const TokenSets& tokens,
                              const std::vector<uint32_t>& start, const std::vector<uint32_t>& experts,
                              const std::vector<uint64_t>& load, const std::vector<uint32_t>& ranks,
                              const std::vector<uint32_t>& slots, uint64_t iterations, uint64_t seed) {
  CopyProblem copies;
  const TokenSets mine = tokens.OnlyExperts(experts);
  copies.tokens = &mine;
  copies.load = load;
  copies.slots = slots;
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
  return ranks.size() > 1 ? FindFewestCopies(copies, place, iterations, seed).home : place;
}

}  // namespace

std::vector<std::vector<uint32_t>> GroupWithReplicas(const GroupingProblem& problem,
                                                     const std::vector<uint32_t>& slots,
                                                     const TokenSets& tokens,
                                                     const std::vector<uint32_t>& start, uint64_t iterations,
                                                     uint64_t seed) {
  GROUTER_CHECK(start.size() == problem.load.size() && tokens.num_experts() == problem.load.size());
  GROUTER_CHECK(slots.size() == problem.node_of_rank.size());
  const uint32_t nodes = 1 + *std::max_element(problem.node_of_rank.begin(), problem.node_of_rank.end());
  const uint64_t half = nodes > 1 ? iterations / 2 : iterations;
  const ExpertPlaces places = ToNodes(problem, slots, tokens, start, iterations - half, seed);
  std::vector<uint64_t> holders(start.size(), 0);
  for (const auto& experts : places.experts) {
    for (uint32_t e : experts) ++holders[e];
  }
  std::vector<std::vector<uint32_t>> of_rank(slots.size());
  for (uint32_t n = 0; n < nodes; ++n) {
    const std::vector<uint32_t>& experts = places.experts[n];
    if (experts.empty()) continue;
    std::vector<uint32_t> ranks, slots_here;
    for (uint32_t r = 0; r < slots.size(); ++r) {
      if (problem.node_of_rank[r] != n) continue;
      ranks.push_back(r);
      slots_here.push_back(slots[r]);
    }
    std::vector<uint64_t> load;
    for (uint32_t e : experts) load.push_back(problem.load[e] / holders[e]);
    const std::vector<uint32_t> place = ToRanks(problem, tokens, start, experts, load, ranks,
                                                EvenRoom(slots_here, experts.size()), half / nodes, seed + n);
    for (size_t i = 0; i < experts.size(); ++i) of_rank[ranks[place[i]]].push_back(experts[i]);
  }
  return of_rank;
}

std::vector<uint32_t> GroupByTokens(const GroupingProblem& problem, const TokenSets& tokens,
                                    const std::vector<uint32_t>& start, uint64_t iterations, uint64_t seed) {
  const auto of_rank = GroupWithReplicas(problem, problem.capacity, tokens, start, iterations, seed);
  std::vector<uint32_t> rank_of_expert(start.size());
  for (uint32_t r = 0; r < of_rank.size(); ++r) {
    for (uint32_t e : of_rank[r]) rank_of_expert[e] = r;
  }
  return rank_of_expert;
}

}  // namespace grouter
