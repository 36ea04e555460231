#include "routing/planning/ep_group.h"

#include "io/error.h"

namespace grouter {

std::vector<EpGroup> EpGroupsOf(const Topology& topology, uint32_t ep_size) {
  GROUTER_CHECK(ep_size > 0 && topology.world_size() % ep_size == 0);
  std::vector<EpGroup> groups;
  uint32_t world_rank = 0;
  for (uint32_t node = 0; node < topology.nodes.size(); ++node) {
    for (uint32_t i = 0; i < topology.nodes[node].num_ranks; ++i, ++world_rank) {
      const uint32_t rank = world_rank % ep_size;
      if (rank == 0) {
        groups.emplace_back();
        groups.back().first_world_rank = world_rank;
      }
      EpGroup& group = groups.back();
      if (rank == 0 || i == 0) {
        group.first_of_block.push_back(rank);
        group.node_of_block.push_back(node);
      }
      group.block_of_rank.push_back(group.num_blocks() - 1);
      if (rank + 1 == ep_size) group.first_of_block.push_back(ep_size);
    }
  }
  return groups;
}

}  // namespace grouter
