// The row order of dispatch, shared by the planner that counts and the trainer that moves: which (rank,
// slot) serves each (token, expert) pair of a chunk, and in which order rows leave.
#ifndef GROUTER_ROUTING_PLANNING_DISPATCH_LAYOUT_H_
#define GROUTER_ROUTING_PLANNING_DISPATCH_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"

namespace grouter {

// One (token, expert) pair as it will be served, in the protocol's row order.
struct DispatchPair {
  uint32_t token = 0;      // inside the micro-batch
  uint32_t rank = 0;       // destination inside the EP group
  uint32_t slot = 0;       // local slot at the destination
  uint32_t topk_rank = 0;  // which of the token's k choices: finds its weight
  uint32_t row = 0;        // index of the row that carries it among the rows this source sends
};

// kCopyPerExpert: one row per pair, rows ordered by (rank, slot, token).
// kOncePerRank: one row per (token, rank), rows ordered by (rank, token); pairs of a row ascend by slot.
// kOncePerNode: rows of the first hop, ordered by (destination node, token); pairs name final ranks, those of
// a
//   row ascend by (rank, slot). send_splits counts a node's rows at its relay (EpGroup::RelayOf): the rank of
//   equal index inside the node, itself for the own node. The relay forwards a row once to each rank its
//   pairs name, in the order of (rank, first-hop row).
struct DispatchLayout {
  std::vector<DispatchPair> pairs;
  std::vector<uint32_t> row_token;    // [rows] the token each row carries
  std::vector<uint32_t> send_splits;  // [ep_size] rows to each rank
};

// Computed from one source's routes alone. Equal to ChunkPlan's send_splits, which the trainer asserts.
// INVALID_ARGUMENT when quotas do not cover the tokens of a replicated expert.
absl::StatusOr<DispatchLayout> LayOutDispatch(const MicroBatchPlan& plan, const LayerGroupPlan& group,
                                              const ChunkPlan& chunk, const LayerPlacement& placement,
                                              DispatchProtocol protocol, const Topology& topology,
                                              uint32_t world_rank);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_DISPATCH_LAYOUT_H_
