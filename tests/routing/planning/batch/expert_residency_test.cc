#include "routing/planning/batch/expert_residency.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

std::vector<AccessGroup> RandomGroups(uint32_t groups, uint32_t experts, Random* random) {
  std::vector<AccessGroup> list(groups);
  for (AccessGroup& group : list) {
    std::set<uint32_t> slots;
    for (uint64_t i = 1 + random->Below(3); i > 0; --i) slots.insert(random->Below(experts));
    group.slots.assign(slots.begin(), slots.end());
  }
  return list;
}

// Fewest fetches over all choices of whom to evict, residents of a group used first.
uint32_t FewestFetches(const std::vector<AccessGroup>& groups, uint32_t capacity) {
  std::map<std::set<uint32_t>, uint32_t> states = {{{}, 0}};
  for (const AccessGroup& group : groups) {
    std::map<std::set<uint32_t>, uint32_t> next;
    const std::function<void(std::set<uint32_t>, std::vector<uint32_t>, uint32_t)> fetch =
        [&](std::set<uint32_t> resident, std::vector<uint32_t> missing, uint32_t cost) {
          if (missing.empty()) {
            const auto it = next.emplace(resident, cost).first;
            it->second = std::min(it->second, cost);
            return;
          }
          const uint32_t expert = missing.back();
          missing.pop_back();
          if (resident.size() < capacity) {
            resident.insert(expert);
            fetch(resident, missing, cost + 1);
            return;
          }
          for (uint32_t victim : std::set<uint32_t>(resident)) {
            std::set<uint32_t> changed = resident;
            changed.erase(victim);
            changed.insert(expert);
            fetch(changed, missing, cost + 1);
          }
        };
    for (const auto& [resident, cost] : states) {
      std::vector<uint32_t> missing;
      for (uint32_t slot : group.slots) {
        if (resident.count(slot) == 0) missing.push_back(slot);
      }
      std::reverse(missing.begin(), missing.end());  // taken from the back: ascending
      fetch(resident, missing, cost);
    }
    states = std::move(next);
  }
  uint32_t best = UINT32_MAX;
  for (const auto& state : states) best = std::min(best, state.second);
  return best;
}

TEST(ExpertResidencyTest, FetchesAsFewAsTryingEverythingDoesWhenAChunkFits) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    const auto groups = RandomGroups(2 + random.Below(8), 4 + random.Below(3), &random);
    ResidencyOptions options;
    options.capacity = 3 + random.Below(2);
    options.fetch_bytes = 1;
    EXPECT_EQ(PlanResidency(groups, options).bytes_fetched, FewestFetches(groups, options.capacity));
  }
}

TEST(ExpertResidencyTest, IsNearTheBestWhenAChunkNeedsMoreThanTheDeviceHolds) {
  Random random(1);
  uint64_t ours = 0, best = 0;
  for (int round = 0; round < 200; ++round) {
    const auto groups = RandomGroups(2 + random.Below(8), 2 + random.Below(5), &random);
    ResidencyOptions options;
    options.capacity = 1 + random.Below(2);
    options.fetch_bytes = 1;
    ours += PlanResidency(groups, options).bytes_fetched;
    best += FewestFetches(groups, options.capacity);
  }
  EXPECT_GE(ours, best);
  EXPECT_LE(ours * 100, best * 105);
}

// Fewest bytes of a step with backward over all choices of whom to evict; fetch and write-back cost 1 each.
uint64_t FewestBytes(const std::vector<AccessGroup>& groups, uint32_t capacity) {
  using Set = std::set<std::pair<uint32_t, uint32_t>>;  // (layer, slot)
  using Device = std::pair<Set, Set>;                   // resident, dirty
  std::map<Device, uint64_t> states = {{{}, 0}};
  const auto keep = [](std::map<Device, uint64_t>* to, const Device& device, uint64_t bytes) {
    const auto it = to->emplace(device, bytes).first;
    it->second = std::min(it->second, bytes);
  };
  for (const AccessGroup& group : groups) {
    std::map<Device, uint64_t> next;
    for (const auto& [start, start_bytes] : states) {
      Device first = start;
      std::vector<std::pair<uint32_t, uint32_t>> missing;
      for (uint32_t slot : group.slots) {
        const std::pair<uint32_t, uint32_t> key(group.layer, slot);
        if (start.first.count(key) == 0) {
          missing.push_back(key);
        } else if (group.backward) {
          first.second.insert(key);
        }
      }
      std::map<Device, uint64_t> now = {{first, start_bytes}};
      for (const auto& key : missing) {
        std::map<Device, uint64_t> after;
        for (const auto& [device, bytes] : now) {
          const auto put = [&](Device changed, uint64_t cost) {
            changed.first.insert(key);
            if (group.backward) changed.second.insert(key);
            keep(&after, changed, cost + 1);
          };
          if (device.first.size() < capacity) {
            put(device, bytes);
            continue;
          }
          for (const auto& victim : device.first) {
            Device changed = device;
            changed.first.erase(victim);
            const uint64_t written = changed.second.erase(victim);
            put(changed, bytes + written);
          }
        }
        now = std::move(after);
      }
      for (const auto& [device, bytes] : now) keep(&next, device, bytes);
    }
    states = std::move(next);
  }
  uint64_t best = UINT64_MAX;
  for (const auto& [device, bytes] : states) best = std::min<uint64_t>(best, bytes + device.second.size());
  return best;
}

TEST(ExpertResidencyTest, WithWriteBacksItIsNearWhatTryingEverythingGives) {
  Random random(7);
  uint64_t ours = 0, best = 0;
  for (int round = 0; round < 120; ++round) {
    const uint32_t layers = 1 + random.Below(3), experts = 2 + random.Below(2), chunks = 1 + random.Below(2);
    std::vector<std::vector<std::vector<std::vector<uint32_t>>>> used(
        1 + random.Below(2),
        std::vector<std::vector<std::vector<uint32_t>>>(layers, std::vector<std::vector<uint32_t>>(chunks)));
    std::vector<uint32_t> layer_group_of_layer;
    for (uint32_t l = 0; l < layers; ++l) layer_group_of_layer.push_back(l);
    for (auto& micro_batch : used) {
      for (auto& layer : micro_batch) {
        for (auto& chunk : layer) {
          const uint32_t first = random.Below(experts);
          chunk = {first};
          if (random.Below(2) == 0 && first + 1 < experts) chunk.push_back(first + 1);
        }
      }
    }
    const auto groups = AccessGroupsOf(used, layer_group_of_layer);
    const uint32_t capacity = 2 + random.Below(3);
    const ResidencyPlan plan = PlanResidency(groups, ResidencyOptions{capacity, 1, 1});
    const uint64_t fewest = FewestBytes(groups, capacity);
    EXPECT_GE(plan.bytes_fetched + plan.bytes_written, fewest);
    ours += plan.bytes_fetched + plan.bytes_written;
    best += fewest;
  }
  EXPECT_LE(ours * 100, best * 105);
}

TEST(ExpertResidencyTest, MoreTriesNeverMoveMoreBytesAndSometimesFewer) {
  Random random(3);
  bool fewer = false;
  for (int round = 0; round < 60; ++round) {
    const uint32_t experts = 8 + random.Below(8);
    auto groups = RandomGroups(60, experts, &random);
    for (size_t i = 0; i < groups.size(); ++i) groups[i].backward = i % 4 >= 2;
    ResidencyOptions options{3 + static_cast<uint32_t>(random.Below(4)), 1, 1};
    uint64_t last = UINT64_MAX;
    for (options.tries = 1; options.tries <= kWriteBackReluctances.size(); ++options.tries) {
      const ResidencyPlan plan = PlanResidency(groups, options);
      const uint64_t bytes = plan.bytes_fetched + plan.bytes_written;
      EXPECT_LE(bytes, last);
      fewer = fewer || (options.tries > 3 && bytes < last);
      last = bytes;
    }
  }
  EXPECT_TRUE(fewer);
}

TEST(ExpertResidencyTest, MoreRoomNeverFetchesMore) {
  Random random(2);
  const auto groups = RandomGroups(200, 20, &random);
  uint64_t last = UINT64_MAX;
  for (uint32_t capacity = 1; capacity <= 20; ++capacity) {
    ResidencyOptions options{capacity, 1, 1};
    const uint64_t fetched = PlanResidency(groups, options).bytes_fetched;
    EXPECT_LE(fetched, last);
    last = fetched;
  }
  EXPECT_EQ(last, 20u);
}

TEST(ExpertResidencyTest, BackwardReversesForwardAndEverythingDirtyIsWrittenBack) {
  const std::vector<std::vector<std::vector<std::vector<uint32_t>>>> used = {{{{0, 1}, {1}}}};
  const auto groups = AccessGroupsOf(used, {0, 0});
  ASSERT_EQ(groups.size(), 8u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(groups[i].layer, groups[7 - i].layer);
    EXPECT_EQ(groups[i].chunk, groups[7 - i].chunk);
    EXPECT_FALSE(groups[i].backward);
    EXPECT_TRUE(groups[7 - i].backward);
  }
  const ResidencyPlan plan = PlanResidency(groups, ResidencyOptions{2, 10, 3});
  EXPECT_EQ(plan.accesses.size(), 12u);
  EXPECT_GE(plan.bytes_written, 4u * 3);
  const ResidencyPlan all = PlanResidency(groups, ResidencyOptions{0, 10, 3});
  EXPECT_TRUE(all.transfers.empty());
  EXPECT_EQ(all.accesses.size(), 12u);
}

}  // namespace
}  // namespace grouter
