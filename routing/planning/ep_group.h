// Where the ranks of one EP group sit: a group may fill a part of a node, a node, or several uneven nodes.
#ifndef GROUTER_ROUTING_PLANNING_EP_GROUP_H_
#define GROUTER_ROUTING_PLANNING_EP_GROUP_H_

#include <cstdint>
#include <vector>

#include "routing/planning/topology.h"

namespace grouter {

// A group's ranks on one node, [first, first + size) inside the group, are a *block*. Immutable value.
struct EpGroup {
  uint32_t first_world_rank = 0;
  std::vector<uint32_t> first_of_block;  // [num_blocks + 1] group ranks; the last is ep_size
  std::vector<uint32_t> node_of_block;   // topology node
  std::vector<uint32_t> block_of_rank;   // [ep_size]

  uint32_t num_blocks() const { return static_cast<uint32_t>(node_of_block.size()); }
  uint32_t ep_size() const { return first_of_block.back(); }
  uint32_t block_size(uint32_t block) const { return first_of_block[block + 1] - first_of_block[block]; }
  // The rank of `block` with the same index inside its block as `source` has, modulo the block's size: where
  // the first hop of once_per_node goes. In the source's own block that is the source itself.
  uint32_t RelayOf(uint32_t source, uint32_t block) const {
    const uint32_t index = source - first_of_block[block_of_rank[source]];
    return first_of_block[block] + index % block_size(block);
  }
  // Groups with equal blocks see equal traffic.
  bool SameShape(const EpGroup& other) const { return first_of_block == other.first_of_block; }
};

// REQUIRES: topology.world_size() is a multiple of ep_size > 0.
std::vector<EpGroup> EpGroupsOf(const Topology& topology, uint32_t ep_size);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_EP_GROUP_H_
