#include "routing/planning/batch/step_transfers.h"

#include <set>
#include <utility>

#include "routing/planning/batch/expert_residency.h"
#include "routing/planning/batch/planner_rules.h"
#include "routing/planning/batch/rank_plan.h"

namespace grouter {
namespace {

// Slots of `rank` that receive tokens, ascending, in one (layer group, chunk).
std::vector<uint32_t> SlotsUsed(const TrafficModel& model, const MicroBatchTraffic& traffic,
                                uint32_t layer_group, uint32_t chunk, uint32_t rank) {
  const uint32_t ep_size = model.ep_size();
  const uint32_t num_slots = model.placement()[layer_group].num_slots(rank % ep_size);
  std::vector<uint32_t> counts(num_slots), used(num_slots, 0), slots;
  const uint32_t first = rank / ep_size * ep_size;
  for (uint32_t source = first; source < first + ep_size; ++source) {
    CountsForSlots(model, traffic, layer_group, chunk, source, rank, counts.data());
    for (uint32_t slot = 0; slot < num_slots; ++slot) used[slot] |= counts[slot];
  }
  for (uint32_t slot = 0; slot < num_slots; ++slot) {
    if (used[slot] != 0) slots.push_back(slot);
  }
  return slots;
}

class TransferList {
 public:
  TransferList(const TrafficModel& model, uint32_t local, StepPart* part)
      : model_(model), shape_(model.draft().model), local_(local), part_(part) {}

  void AddMigrations(const std::vector<ExpertMove>& moves) {
    const uint64_t bytes =
        shape_.expert_weight_bytes + shape_.expert_master_bytes + shape_.expert_moment_bytes;
    for (const ExpertMove& move : moves) {
      for (uint32_t layer = 0; layer < shape_.layer_group_of_layer.size(); ++layer) {
        if (shape_.layer_group_of_layer[layer] != move.layer_group) continue;
        AddBetween(TransferKind::kMigrate, layer, move.expert, move.from, move.to, bytes, 0);
      }
    }
  }

  void AddResidency(const std::vector<Transfer>& transfers) {
    for (Transfer transfer : transfers) {
      const LayerPlacement& layer = model_.placement()[shape_.layer_group_of_layer[transfer.layer]];
      transfer.expert = layer.ExpertAt(SlotRef{local_, transfer.slot});
      transfer.peer_rank = local_;
      part_->transfers.push_back(transfer);
    }
  }

  void AddReplicaSums() {
    for (uint32_t layer = 0; layer < shape_.layer_group_of_layer.size(); ++layer) {
      const LayerPlacement& placement = model_.placement()[shape_.layer_group_of_layer[layer]];
      ForEachReplica(placement, [&](uint32_t expert, SlotRef owner, SlotRef replica) {
        AddBetween(TransferKind::kReduceGradient, layer, expert, replica, owner, shape_.expert_gradient_bytes,
                   part_->num_accesses);
      });
    }
    for (uint32_t layer = 0; layer < shape_.layer_group_of_layer.size(); ++layer) {
      const LayerPlacement& placement = model_.placement()[shape_.layer_group_of_layer[layer]];
      ForEachReplica(placement, [&](uint32_t expert, SlotRef owner, SlotRef replica) {
        AddBetween(TransferKind::kBroadcastWeight, layer, expert, owner, replica, shape_.expert_weight_bytes,
                   part_->num_accesses);
      });
    }
  }

 private:
  template <typename Visit>
  static void ForEachReplica(const LayerPlacement& placement, Visit visit) {
    for (uint32_t e = 0; e < placement.num_experts(); ++e) {
      const auto slots = placement.SlotsOf(e);
      for (size_t i = 1; i < slots.size(); ++i) visit(e, slots[0], slots[i]);
    }
  }

  void AddBetween(TransferKind kind, uint32_t layer, uint32_t expert, SlotRef from, SlotRef to,
                  uint64_t bytes, uint64_t before_use) {
    if (from.rank != local_ && to.rank != local_) return;
    Transfer transfer;
    transfer.kind = kind;
    transfer.outgoing = from.rank == local_ && to.rank != local_;
    transfer.layer = layer;
    transfer.expert = expert;
    transfer.slot = transfer.outgoing ? from.slot : to.slot;
    transfer.peer_rank = transfer.outgoing ? to.rank : from.rank;
    transfer.bytes = bytes;
    transfer.before_use = before_use;
    part_->transfers.push_back(transfer);
  }

  const TrafficModel& model_;
  const ModelShape& shape_;
  const uint32_t local_;
  StepPart* part_;
};

}  // namespace

void PlanTransfers(const TrafficModel& model, const std::vector<ExpertMove>* moves,
                   const std::vector<std::shared_ptr<const MicroBatchTraffic>>& traffic, uint32_t rank,
                   StepPart* part) {
  const ModelShape& shape = model.draft().model;
  std::vector<std::vector<std::vector<std::vector<uint32_t>>>> used(traffic.size());
  for (size_t m = 0; m < traffic.size(); ++m) {
    used[m].resize(model.num_layer_groups());
    for (uint32_t l = 0; l < model.num_layer_groups(); ++l) {
      for (uint32_t c = 0; c < model.draft().batch.num_chunks; ++c) {
        used[m][l].push_back(SlotsUsed(model, *traffic[m], l, c, rank));
      }
    }
  }
  ResidencyOptions options;
  options.capacity = shape.num_resident_experts;
  options.fetch_bytes = shape.expert_weight_bytes;
  options.write_back_bytes = shape.expert_gradient_bytes;
  options.tries = PlannerRulesOf(model.draft().planner_version).residency_tries;
  ResidencyPlan residency = PlanResidency(AccessGroupsOf(used, shape.layer_group_of_layer), options);
  part->num_accesses = residency.accesses.size();
  std::set<std::pair<uint32_t, uint32_t>> seen;
  for (const ExpertAccess& access : residency.accesses) {
    if (seen.emplace(access.layer, access.slot).second) {
      part->need_order.push_back(ExpertUse{access.layer, access.slot});
    }
  }
  TransferList list(model, rank % model.ep_size(), part);
  if (moves != nullptr) list.AddMigrations(*moves);
  list.AddResidency(residency.transfers);
  list.AddReplicaSums();
  if (options.capacity > 0) part->accesses = std::move(residency.accesses);
}

}  // namespace grouter
