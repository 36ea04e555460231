#include "trainer/experts/expert_store.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "io/file.h"
#include "io/random.h"

namespace grouter {
namespace {

ExpertStoreOptions Options(uint32_t num_resident) {
  ExpertStoreOptions options;
  options.shape = {4, 3};
  options.num_layers = 4;
  options.num_slots = 3;
  options.num_resident = num_resident;
  return options;
}

// Touches experts in random orders, announced or not, and checks that every page holds what was written last.
void ExpectRemembers(ExpertStore& store, uint64_t seed, uint32_t most_held) {
  Random random(seed);
  std::map<uint32_t, float> last;
  for (uint64_t step = 0; step < 20; ++step) {
    std::vector<StoredExpert> accesses(1 + random.Below(30));
    for (StoredExpert& access : accesses) {
      access = {static_cast<uint32_t>(random.Below(4)), static_cast<uint32_t>(random.Below(3))};
    }
    if (step % 3 != 0) store.Announce(step, accesses);
    if (step % 4 == 3) {  // other than announced
      for (StoredExpert& access : accesses) access.slot = (access.slot + 1) % 3;
    }
    std::vector<StoredExpert> held;
    for (StoredExpert access : accesses) {
      if (std::find(held.begin(), held.end(), access) != held.end()) continue;
      if (held.size() == most_held) {
        store.Release(held.front(), true);
        held.erase(held.begin());
      }
      const auto page = store.Acquire(access);
      ASSERT_TRUE(page.ok()) << page.status();
      held.push_back(access);
      float* const planes[] = {page->weights, page->gradients, page->means, page->variances};
      float& value = last[access.layer * 3 + access.slot];
      for (int p = 0; p < 4; ++p) {
        ASSERT_EQ(planes[p][0], value == 0 ? 0 : value + p);
        ASSERT_EQ(planes[p][store.options().shape.size() - 1], value == 0 ? 0 : value + p);
      }
      value = static_cast<float>(1 + random.Below(1000));
      for (int p = 0; p < 4; ++p) {
        planes[p][0] = planes[p][store.options().shape.size() - 1] = value + static_cast<float>(p);
      }
    }
    for (StoredExpert expert : held) store.Release(expert, true);
  }
}

TEST(ExpertStore, EveryPageHoldsWhatWasWrittenLastHoweverFewAreResident) {
  for (uint32_t num_resident : {0u, 3u, 5u, 11u}) {
    for (bool in_file : {false, true}) {
      ExpertStoreOptions options = Options(num_resident);
      if (in_file) options.backing_file = JoinPath(::testing::TempDir(), "experts");
      const auto store = ExpertStore::Create(options);
      ASSERT_TRUE(store.ok()) << store.status();
      ExpectRemembers(**store, num_resident, 3);
    }
  }
}

TEST(ExpertStore, AnAnnouncedOrderIsFetchedBeforeItIsAskedFor) {
  StepEventLog log;
  auto store = ExpertStore::Create(Options(6), &log);
  ASSERT_TRUE(store.ok());
  std::vector<StoredExpert> order;
  for (uint32_t l = 0; l < 4; ++l) {
    for (uint32_t s = 0; s < 3; ++s) order.push_back({l, s});
  }
  (*store)->Announce(0, order);
  for (StoredExpert expert : order) {
    ASSERT_TRUE((*store)->Acquire(expert).ok());
    (*store)->Release(expert, false);
  }
  // 12 accesses, each fetched once; nothing was dirty, so nothing was written back.
  const ResidencyCounts counts = (*store)->counts();
  EXPECT_EQ(counts.fetches, 12u);
  EXPECT_EQ(counts.write_backs, 0u);
  EXPECT_EQ(counts.evictions, 6u);
  uint64_t fetches = 0;
  for (const StepEvent& event : log.events()) fetches += event.kind == EventKind::kFetch;
  EXPECT_EQ(fetches, 12u);
}

TEST(ExpertStore, ForwardThenBackwardKeepsTheLastLayersResident) {
  auto store = ExpertStore::Create(Options(6));
  ASSERT_TRUE(store.ok());
  std::vector<StoredExpert> order;
  for (uint32_t l = 0; l < 4; ++l) {
    for (uint32_t s = 0; s < 3; ++s) order.push_back({l, s});
  }
  order.insert(order.end(), order.rbegin(), order.rend());
  (*store)->Announce(0, order);
  for (StoredExpert expert : order) {
    ASSERT_TRUE((*store)->Acquire(expert).ok());
    (*store)->Release(expert, true);
  }
  // Six slots: the last two layers stay for backward, six experts come a second time. Belady's optimum.
  EXPECT_EQ((*store)->counts().fetches, 18u);
  EXPECT_GT((*store)->counts().write_backs, 0u);
}

TEST(ExpertStore, FewerSlotsThanALayerNeedsAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(ExpertStore::Create(Options(2)).status()));
}

}  // namespace
}  // namespace grouter
