// What has to travel when one placement follows another, and what that costs.
#ifndef GROUTER_ROUTING_PLANNING_PLACEMENT_EXPERT_MOVES_H_
#define GROUTER_ROUTING_PLANNING_PLACEMENT_EXPERT_MOVES_H_

#include <cstdint>
#include <vector>

#include "routing/planning/ep_group.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"

namespace grouter {

// A move into every slot of `to` that held another expert in `from`: from the nearest of the expert's slots
// in `from` (the rank itself, its node, then the lowest). Ascending by (layer group, rank, slot). REQUIRES:
// the same layer groups, experts and ranks; `group` is the EP group's shape.
std::vector<ExpertMove> MovesBetween(const Placement& from, const Placement& to, const EpGroup& group);

// Weights, masters and moments of one stored expert, in all MoE layers of `layer_group`.
uint64_t BytesOfMove(const JobDraft& draft, uint32_t layer_group);

// Bytes of `moves` that travel between ranks of one EP group.
uint64_t MovedBytes(const JobDraft& draft, const std::vector<ExpertMove>& moves);

// How long the busiest rank's links take: bytes sent or received, whichever are more, over scale-up and
// scale-out at once, the slower one counts, and one latency a move.
uint64_t PredictMovesNs(const JobDraft& draft, const EpGroup& group, const std::vector<ExpertMove>& moves);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLACEMENT_EXPERT_MOVES_H_
