#include "routing/planning/batch/expert_residency.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace grouter {
namespace {

using Key = std::pair<uint32_t, uint32_t>;  // (layer, slot)

constexpr uint64_t kNever = UINT64_MAX;

class Device {
 public:
  Device(const std::vector<AccessGroup>& groups, const ResidencyOptions& options) : options_(options) {
    for (uint64_t g = 0; g < groups.size(); ++g) {
      for (uint32_t slot : groups[g].slots) uses_[Key(groups[g].layer, slot)].push_back(g);
    }
  }

  void Run(const std::vector<AccessGroup>& groups) {
    for (uint64_t g = 0; g < groups.size(); ++g) {
      std::vector<uint32_t> missing;
      for (uint32_t slot : groups[g].slots) {
        if (resident_.count(Key(groups[g].layer, slot)) != 0) {
          Use(groups[g], g, slot);
        } else {
          missing.push_back(slot);
        }
      }
      for (uint32_t slot : missing) {
        if (options_.capacity > 0) Fetch(Key(groups[g].layer, slot));
        Use(groups[g], g, slot);
      }
    }
    for (const auto& entry : resident_) {
      if (entry.second.dirty) Leave(entry.first, /*dirty=*/true);
    }
  }

  ResidencyPlan Take() { return std::move(plan_); }

 private:
  struct State {
    uint64_t next_use = kNever;
    bool dirty = false;
  };
  // Ascending order puts the best victim first.
  using Victim = std::tuple<uint64_t, bool, Key>;
  static Victim VictimOf(const Key& key, const State& state) {
    return Victim(kNever - state.next_use, state.dirty, key);
  }

  void Fetch(const Key& key) {
    if (resident_.size() >= options_.capacity) {
      const Key victim = std::get<2>(*victims_.begin());
      Leave(victim, resident_[victim].dirty);
      victims_.erase(victims_.begin());
      resident_.erase(victim);
    }
    Put(TransferKind::kFetch, key, options_.fetch_bytes);
    plan_.bytes_fetched += options_.fetch_bytes;
    resident_[key] = State();
    victims_.insert(VictimOf(key, State()));
  }

  void Leave(const Key& key, bool dirty) {
    Put(dirty ? TransferKind::kWriteBack : TransferKind::kEvict, key, dirty ? options_.write_back_bytes : 0);
    if (dirty) plan_.bytes_written += options_.write_back_bytes;
  }

  void Put(TransferKind kind, const Key& key, uint64_t bytes) {
    Transfer transfer;
    transfer.kind = kind;
    transfer.layer = key.first;
    transfer.slot = key.second;
    transfer.bytes = bytes;
    transfer.before_use = plan_.accesses.size();
    plan_.transfers.push_back(transfer);
  }

  void Use(const AccessGroup& group, uint64_t index, uint32_t slot) {
    ExpertAccess access;
    access.micro_batch = group.micro_batch;
    access.layer = group.layer;
    access.chunk = group.chunk;
    access.slot = slot;
    access.backward = group.backward;
    plan_.accesses.push_back(access);
    if (options_.capacity == 0) return;
    const Key key(group.layer, slot);
    State& state = resident_[key];
    victims_.erase(VictimOf(key, state));
    const auto& uses = uses_[key];
    const auto next = std::upper_bound(uses.begin(), uses.end(), index);
    state.next_use = next == uses.end() ? kNever : *next;
    state.dirty = state.dirty || group.backward;
    victims_.insert(VictimOf(key, state));
  }

  const ResidencyOptions options_;
  std::map<Key, std::vector<uint64_t>> uses_;
  std::map<Key, State> resident_;
  std::set<Victim> victims_;
  ResidencyPlan plan_;
};

}  // namespace

std::vector<AccessGroup> AccessGroupsOf(
    const std::vector<std::vector<std::vector<std::vector<uint32_t>>>>& slots_used,
    const std::vector<uint32_t>& layer_group_of_layer) {
  std::vector<AccessGroup> groups;
  for (uint32_t m = 0; m < slots_used.size(); ++m) {
    const size_t begin = groups.size();
    for (uint32_t layer = 0; layer < layer_group_of_layer.size(); ++layer) {
      const auto& chunks = slots_used[m][layer_group_of_layer[layer]];
      for (uint32_t c = 0; c < chunks.size(); ++c) {
        groups.push_back(AccessGroup{m, layer, c, /*backward=*/false, chunks[c]});
      }
    }
    for (size_t i = groups.size(); i > begin; --i) {
      AccessGroup back = groups[i - 1];
      back.backward = true;
      groups.push_back(std::move(back));
    }
  }
  return groups;
}

ResidencyPlan PlanResidency(const std::vector<AccessGroup>& groups, const ResidencyOptions& options) {
  Device device(groups, options);
  device.Run(groups);
  return device.Take();
}

}  // namespace grouter
