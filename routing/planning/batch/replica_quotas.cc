#include "routing/planning/batch/replica_quotas.h"

#include <algorithm>

namespace grouter {
namespace {

// Divides `tokens` over slots whose ranks already carry `load` so that the fullest is as low as can be; the
// last few tokens go to the lower slots.
std::vector<uint64_t> LevelShares(const std::vector<uint64_t>& load, uint64_t tokens) {
  std::vector<size_t> order(load.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return load[a] < load[b]; });
  std::vector<uint64_t> share(load.size(), 0);
  uint64_t sum = 0;
  size_t used = 0;  // the `used` emptiest slots are filled up to one level
  uint64_t level = 0;
  while (used < order.size()) {
    sum += load[order[used]];
    ++used;
    level = (sum + tokens) / used;
    if (used == order.size() || level <= load[order[used]]) break;
  }
  uint64_t left = tokens;
  for (size_t i = 0; i < used; ++i) {
    share[order[i]] = level > load[order[i]] ? level - load[order[i]] : 0;
    left -= share[order[i]];
  }
  for (size_t i = 0; left > 0; i = (i + 1) % used, --left) ++share[order[i]];
  return share;
}

// Gives the sources' tokens of one expert to its slots: first those on the source's own rank, then those in
// its block, then any, up to each slot's share.
void SendNearestFirst(absl::Span<const SlotRef> slots, const EpGroup& group, std::vector<uint64_t> share,
                      std::vector<uint32_t> tokens_of_source, std::vector<std::vector<uint32_t>>* sent) {
  const auto near_enough = [&](int pass, uint32_t source, SlotRef slot) {
    if (pass == 0) return slot.rank == source;
    return pass == 2 || group.block_of_rank[slot.rank] == group.block_of_rank[source];
  };
  sent->assign(tokens_of_source.size(), std::vector<uint32_t>(slots.size(), 0));
  for (int pass = 0; pass < 3; ++pass) {
    for (uint32_t source = 0; source < tokens_of_source.size(); ++source) {
      for (size_t i = 0; i < slots.size() && tokens_of_source[source] > 0; ++i) {
        if (!near_enough(pass, source, slots[i])) continue;
        const uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(tokens_of_source[source], share[i]));
        (*sent)[source][i] += count;
        tokens_of_source[source] -= count;
        share[i] -= count;
      }
    }
  }
}

}  // namespace

bool HasReplicas(const LayerPlacement& layer) {
  for (uint32_t e = 0; e < layer.num_experts(); ++e) {
    if (layer.SlotsOf(e).size() > 1) return true;
  }
  return false;
}

std::vector<std::vector<ReplicaQuota>> DivideOverReplicas(const LayerPlacement& layer, const EpGroup& group,
                                                          absl::Span<const uint32_t> pairs) {
  const uint32_t num_experts = layer.num_experts();
  const uint32_t sources = layer.ep_size();
  std::vector<uint64_t> total(num_experts, 0);
  for (uint32_t s = 0; s < sources; ++s) {
    for (uint32_t e = 0; e < num_experts; ++e) total[e] += pairs[uint64_t{s} * num_experts + e];
  }
  std::vector<uint64_t> load(sources, 0);
  std::vector<uint32_t> replicated;
  for (uint32_t e = 0; e < num_experts; ++e) {
    const auto slots = layer.SlotsOf(e);
    if (slots.size() > 1) {
      replicated.push_back(e);
    } else {
      load[slots[0].rank] += total[e];
    }
  }
  std::stable_sort(replicated.begin(), replicated.end(),
                   [&](uint32_t a, uint32_t b) { return total[a] > total[b]; });
  std::vector<std::vector<ReplicaQuota>> quotas(sources);
  std::vector<std::vector<uint32_t>> sent;
  for (uint32_t e : replicated) {
    const auto slots = layer.SlotsOf(e);
    std::vector<uint64_t> slot_load;
    for (SlotRef slot : slots) slot_load.push_back(load[slot.rank]);
    const std::vector<uint64_t> share = LevelShares(slot_load, total[e]);
    for (size_t i = 0; i < slots.size(); ++i) load[slots[i].rank] += share[i];
    std::vector<uint32_t> tokens(sources);
    for (uint32_t s = 0; s < sources; ++s) tokens[s] = pairs[uint64_t{s} * num_experts + e];
    SendNearestFirst(slots, group, share, std::move(tokens), &sent);
    for (uint32_t s = 0; s < sources; ++s) {
      for (size_t i = 0; i < slots.size(); ++i) {
        if (sent[s][i] > 0) quotas[s].push_back(ReplicaQuota{e, layer.GlobalSlot(slots[i]), sent[s][i]});
      }
    }
  }
  for (auto& list : quotas) {
    std::sort(list.begin(), list.end(), [](const ReplicaQuota& a, const ReplicaQuota& b) {
      return a.expert != b.expert ? a.expert < b.expert : a.global_slot < b.global_slot;
    });
  }
  return quotas;
}

}  // namespace grouter
