// How the tokens of experts with several slots are divided: so that ranks are as level as can be, each source
// using the nearest slots first.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_REPLICA_QUOTAS_H_
#define GROUTER_ROUTING_PLANNING_BATCH_REPLICA_QUOTAS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "routing/planning/ep_group.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"

namespace grouter {

// True when some expert has more than one slot.
bool HasReplicas(const LayerPlacement& layer);

// `pairs`[source * num_experts + expert]: tokens of each source of the group for each expert. Returns the
// quotas of each source: ascending by (expert, global slot), only experts with several slots of which the
// source has tokens, no zero quotas. Integer arithmetic, ties by id.
std::vector<std::vector<ReplicaQuota>> DivideOverReplicas(const LayerPlacement& layer, const EpGroup& group,
                                                          absl::Span<const uint32_t> pairs);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_REPLICA_QUOTAS_H_
