// Slots given to experts by load alone, for all layers of a model at once: how many copies each expert gets
// and which rank holds them.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_BALANCE_REPLICAS_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_BALANCE_REPLICAS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "routing/planning/placement/eplb_arrays.h"

namespace grouter {

struct ReplicaShape {
  uint32_t num_experts = 0;
  uint32_t num_slots =
      0;  // of one layer, over all ranks; each rank has the same number, or the lower one more
  uint32_t num_ranks = 0;  // numbered over the nodes in order
  uint32_t num_nodes = 1;
  uint32_t num_groups = 1;  // runs of experts that a group-limited gate keeps on one node
};

// `load` is [layers][num_experts], below 2^42 a layer. The copies of an expert share its load equally. Spare
// slots go, one by one, to the expert with the most load per copy; then the busiest rank is brought low:
// heaviest copies first, each to the emptiest rank that has room, then exchanges between the busiest rank and
// the others while that helps. Where a copy had to avoid a rank that holds its expert, fewer copies of the
// hottest are tried too, until the busiest rank is level with EPLB's, which need not avoid any. Where nodes
// share groups, ranks and slots equally, groups are first dealt to nodes and an expert stays on its group's
// node (a node's busiest rank is brought no lower than the layer's); else the layer is one whole. Never two
// copies on one rank; a slot for which none is left stays empty (-1). Ties by id: a function of the
// arguments. INVALID_ARGUMENT, all problems at once, for shapes that cannot hold every expert.
absl::StatusOr<EplbArrays> BalanceReplicas(const ReplicaShape& shape, absl::Span<const uint64_t> load);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_BALANCE_REPLICAS_H_
