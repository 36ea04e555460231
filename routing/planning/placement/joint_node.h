// One node's experts and samples placed together: which of its ranks holds which expert and takes which
// sample, so that few (token, expert) pairs leave their rank and no rank computes much more than the others.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_JOINT_NODE_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_JOINT_NODE_H_

#include <cstdint>
#include <vector>

namespace grouter {

struct JointNodeProblem {
  std::vector<uint32_t> pairs;            // [samples][experts] tokens of the sample that visit the expert
  std::vector<uint32_t> samples_of_rank;  // [ranks] exact number; sums to the samples
  std::vector<uint32_t> experts_of_rank;  // [ranks] exact number; sums to the experts
  uint64_t remote_cost = 1;               // of a pair whose sample and expert are on different ranks
  uint64_t busy_cost = 1;                 // of a pair on the rank that computes most pairs
};

struct JointNode {
  std::vector<uint32_t> rank_of_sample;
  std::vector<uint32_t> rank_of_expert;
  uint64_t cost = 0;
  uint64_t lower_bound = 0;  // no placement costs less: see JointNodeLowerBound
};

// remote_cost x remote pairs + busy_cost x the busiest rank's pairs. REQUIRES: a rank for each sample and
// expert.
uint64_t JointNodeCost(const JointNodeProblem& problem, const std::vector<uint32_t>& rank_of_sample,
                       const std::vector<uint32_t>& rank_of_expert);

// Both parts bounded alone. Remote: every expert sits with the samples that use it most, as many as a rank
// takes at most; where every rank takes one sample and equally many experts, which rank takes which makes no
// difference, and the least number of remote pairs is found exactly. Busy: the mean, or the heaviest expert.
uint64_t JointNodeLowerBound(const JointNodeProblem& problem);

// Descents by exchanges of two experts and exact re-assignment of samples, from samples in order and experts
// at their best or level by load, then from the best so far with a part exchanged at random and, each
// sixteenth time, from a placement drawn anew. `iterations` counts tried exchanges; more are never worse. A
// function of the arguments. Costs and pairs must stay below 2^62 together. REQUIRES: at least one rank,
// sample and expert; capacities that sum up.
JointNode PlaceJointly(const JointNodeProblem& problem, uint64_t iterations, uint64_t seed);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_JOINT_NODE_H_
