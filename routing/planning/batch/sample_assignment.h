// Which rank of the world takes which sample of a micro-batch. The set of samples is given; only places are
// decided, so the gradient of a step does not depend on it.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_SAMPLE_ASSIGNMENT_H_
#define GROUTER_ROUTING_PLANNING_BATCH_SAMPLE_ASSIGNMENT_H_

#include <cstdint>
#include <vector>

#include "routing/planning/ep_group.h"
#include "routing/planning/job.h"

namespace grouter {

// What the routes say about the samples of one micro-batch, summed over all MoE layers. Rows are what the
// dispatch protocol would send: per token and rank, per token and node, or per (token, expert) pair.
struct SampleTraffic {
  uint32_t num_samples = 0;
  std::vector<uint32_t> length;      // [samples] tokens
  std::vector<uint64_t> rank_rows;   // [samples][ep_size] rows for each rank of an EP group
  std::vector<uint64_t> block_rows;  // [samples][all blocks of all shapes], once_per_node only, else empty
  std::vector<uint64_t> pairs;       // [samples][ep_size] (token, expert) pairs each rank's experts compute
};

// EP groups and what is alike among them. Immutable value.
struct WorldShape {
  std::vector<EpGroup> groups;
  std::vector<uint32_t> shape_of_group;
  std::vector<uint32_t> group_of_shape;        // a group of each shape
  std::vector<uint32_t> first_block_of_shape;  // [shapes + 1] into SampleTraffic::block_rows
  static WorldShape Of(const Topology& topology, uint32_t ep_size);
  uint32_t num_blocks() const { return first_block_of_shape.back(); }
};

// The exact number of samples of each world rank: as equal as can be, the remainder to the lower ranks.
std::vector<uint32_t> RankCapacities(uint32_t num_samples, uint32_t world_size);

// The first half of kTransport alone: the topology node of each sample (of nodes that cost every sample the
// same, the first). Reads block_rows, or rank_rows where that is empty; exact.
std::vector<uint32_t> AssignSamplesToNodes(const SampleTraffic& traffic, const WorldShape& world,
                                           const Topology& topology, uint64_t row_bytes);

// [world rank] -> samples (indices), ascending. Capacities are met exactly by every policy.
//   kTransport   least time for rows that leave a node or a rank: a transportation problem over blocks, then
//                over the ranks inside each, then equal token counts over EP groups that are alike
//   kAlgorithm1  the paper's: in order, each sample to the node with room that computes most of its pairs
//   kInOrder     dealt in order
std::vector<std::vector<uint32_t>> AssignSamples(AssignmentPolicy policy, const SampleTraffic& traffic,
                                                 const WorldShape& world, const Topology& topology,
                                                 uint64_t row_bytes);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_SAMPLE_ASSIGNMENT_H_
