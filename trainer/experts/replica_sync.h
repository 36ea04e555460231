// Sums of expert gradients over the ranks that hold the same expert: its replicas inside the EP group and its
// peers in the other EP groups. Nobody else takes part, nothing is divided.
#ifndef GROUTER_TRAINER_EXPERTS_REPLICA_SYNC_H_
#define GROUTER_TRAINER_EXPERTS_REPLICA_SYNC_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "routing/planning/placement.h"
#include "trainer/collectives/collectives.h"
#include "trainer/experts/expert_store.h"

namespace grouter {

// `peers` are the ranks of equal place in all EP groups; a group of one needs no sums. Everything outlives
// it.
struct ReplicaSyncContext {
  Collectives* ep_group = nullptr;
  Collectives* peers = nullptr;
  ExpertStore* experts = nullptr;
};

// After it, every holder of an expert of `layer` has the same gradient, bit for bit: the owner adds its own
// and the replicas' by ascending rank, sends the sum back, and peers sum theirs. All ranks call for the same
// layers in the same order. With neither replicas nor peers nothing is exchanged.
absl::Status SumExpertGradients(const ReplicaSyncContext& context, const LayerPlacement& placement,
                                uint32_t layer);

// Moves experts (weights and moments) into a new placement epoch: for every expert of `layer` that has a slot
// in `to` which it did not have in `from`, its owner in `from` sends it. Gradients must be zero. All ranks of
// the EP group call alike.
absl::Status MigrateExperts(Collectives& ep_group, ExpertStore& experts, const LayerPlacement& from,
                            const LayerPlacement& to, uint32_t layer);

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_REPLICA_SYNC_H_
