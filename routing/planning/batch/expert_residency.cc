#include "routing/planning/batch/expert_residency.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "io/error.h"

namespace grouter {
namespace {

using Key = std::pair<uint32_t, uint32_t>;  // (layer, slot)

constexpr uint64_t kNever = UINT64_MAX;

class Device {
 public:
  Device(const std::vector<AccessGroup>& groups, const ResidencyOptions& options, uint64_t reluctance)
      : options_(options), reluctance_(reluctance) {
    for (uint64_t g = 0; g < groups.size(); ++g) {
      for (uint32_t slot : groups[g].slots) {
        Uses& uses = uses_[Key(groups[g].layer, slot)];
        uses.groups.push_back(g);
        if (groups[g].backward) uses.last_backward = g;
      }
    }
  }

  void Run(const std::vector<AccessGroup>& groups) {
    for (uint64_t g = 0; g < groups.size(); ++g) {
      now_ = g;
      std::vector<uint32_t> missing;
      for (uint32_t slot : groups[g].slots) {
        if (resident_.count(Key(groups[g].layer, slot)) != 0) {
          Use(groups[g], slot);
        } else {
          missing.push_back(slot);
        }
      }
      for (uint32_t slot : missing) {
        if (options_.capacity > 0) Fetch(Key(groups[g].layer, slot));
        Use(groups[g], slot);
      }
    }
    for (const auto& entry : resident_) {
      if (entry.second.dirty) Leave(entry.first, /*dirty=*/true);
    }
  }

  ResidencyPlan Take() { return std::move(plan_); }

 private:
  struct Uses {
    std::vector<uint64_t> groups;
    uint64_t last_backward = 0;
  };
  struct State {
    uint64_t next_use = kNever;
    bool dirty = false;
    bool again = false;  // dirty, and backward will touch it again: written back now, it is written twice
  };
  // Ascending order puts the best victim first.
  using Victim = std::tuple<uint64_t, bool, Key>;
  static Victim VictimOf(const Key& key, const State& state) {
    return Victim(kNever - state.next_use, state.dirty, key);
  }

  Key ChooseVictim() const {
    if (victims_[1].empty()) return std::get<2>(*victims_[0].begin());
    const Victim& again = *victims_[1].begin();
    if (victims_[0].empty()) return std::get<2>(again);
    const Victim& once = *victims_[0].begin();
    if (std::get<0>(once) == 0) return std::get<2>(once);
    const auto distance = [this](const Victim& victim) { return kNever - std::get<0>(victim) - now_; };
    const auto weighed = [](uint64_t groups, uint64_t bytes) {
      return static_cast<unsigned __int128>(groups) * bytes;
    };
    const uint64_t fetch = options_.fetch_bytes;
    const auto far_again = weighed(distance(again), fetch);
    const auto far_once = weighed(distance(once), fetch + reluctance_ * options_.write_back_bytes);
    if (far_again != far_once) return std::get<2>(far_again > far_once ? again : once);
    return std::get<2>(std::min(again, once));
  }

  void Fetch(const Key& key) {
    if (resident_.size() >= options_.capacity) {
      const Key victim = ChooseVictim();
      const State& state = resident_[victim];
      Leave(victim, state.dirty);
      victims_[state.again].erase(VictimOf(victim, state));
      resident_.erase(victim);
    }
    Put(TransferKind::kFetch, key, options_.fetch_bytes);
    plan_.bytes_fetched += options_.fetch_bytes;
    resident_[key] = State();
    victims_[0].insert(VictimOf(key, State()));
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

  void Use(const AccessGroup& group, uint32_t slot) {
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
    victims_[state.again].erase(VictimOf(key, state));
    const Uses& uses = uses_[key];
    const auto next = std::upper_bound(uses.groups.begin(), uses.groups.end(), now_);
    state.next_use = next == uses.groups.end() ? kNever : *next;
    state.dirty = state.dirty || group.backward;
    state.again = state.dirty && uses.last_backward > now_;
    victims_[state.again].insert(VictimOf(key, state));
  }

  const ResidencyOptions options_;
  const uint64_t reluctance_;
  uint64_t now_ = 0;
  std::map<Key, Uses> uses_;
  std::map<Key, State> resident_;
  std::set<Victim> victims_[2];  // by State::again
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
  const bool writes =
      options.capacity > 0 && options.write_back_bytes > 0 &&
      std::any_of(groups.begin(), groups.end(), [](const AccessGroup& g) { return g.backward; });
  GROUTER_CHECK(options.tries >= 1 && options.tries <= kWriteBackReluctances.size());
  ResidencyPlan best;
  for (uint32_t i = 0; i < (writes ? options.tries : 1); ++i) {
    Device device(groups, options, kWriteBackReluctances[i]);
    device.Run(groups);
    ResidencyPlan plan = device.Take();
    const bool better = plan.bytes_fetched + plan.bytes_written < best.bytes_fetched + best.bytes_written;
    if (i == 0 || better) best = std::move(plan);
  }
  return best;
}

}  // namespace grouter
