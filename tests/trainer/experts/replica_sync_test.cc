#include "trainer/experts/replica_sync.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/testing/training/ranks.h"
#include "trainer/collectives/counting.h"

namespace grouter {
namespace {

ExpertStoreOptions Options() {
  ExpertStoreOptions options;
  options.shape = {2, 2};
  options.num_layers = 1;
  options.num_slots = 3;
  return options;
}

void Fill(ExpertStore& store, uint32_t slot, float weight, float gradient) {
  const ExpertPage page = *store.Acquire({0, slot});
  for (uint64_t i = 0; i < store.options().shape.size(); ++i) {
    page.weights[i] = weight;
    page.means[i] = weight + 0.25f;
    page.variances[i] = weight + 0.5f;
    page.gradients[i] = gradient;
  }
  store.Release({0, slot}, true);
}

// Expert 1 lies on all three ranks, expert 0 on ranks 0 and 2, the others once.
LayerPlacement Replicated() {
  return LayerPlacement::Make(4, {{0, 1, kEmptySlot}, {2, 1, 3}, {1, 0, kEmptySlot}}).value();
}

TEST(SumExpertGradients, HoldersOfAnExpertGetItsSumAndNobodyElseTakesPart) {
  testing::SpawnRanks(3, [](Collectives& world) {
    auto store = ExpertStore::Create(Options()).value();
    auto self = std::move(MakeInProcessCollectives(1)[0]);
    const LayerPlacement placement = Replicated();
    const uint32_t me = world.rank();
    for (uint32_t slot = 0; slot < placement.num_slots(me); ++slot) {
      const uint32_t expert = placement.ExpertAt({me, slot});
      if (expert != kEmptySlot) Fill(*store, slot, 0, static_cast<float>(10 * expert + me + 1));
    }
    ASSERT_TRUE(SumExpertGradients({&world, self.get(), store.get()}, placement, 0).ok());
    const float expected[] = {1 + 3, 11 + 12 + 13, 22, 32};
    for (uint32_t slot = 0; slot < placement.num_slots(me); ++slot) {
      const uint32_t expert = placement.ExpertAt({me, slot});
      if (expert == kEmptySlot) continue;
      EXPECT_EQ(store->Acquire({0, slot})->gradients[0], expected[expert]) << "expert " << expert;
    }
  });
}

TEST(SumExpertGradients, PeersSumTheirsAndWithoutCopiesNothingIsExchanged) {
  CollectiveCounts counts;
  auto ranks = MakeInProcessCollectives(2);
  ranks[0] = MakeCountingCollectives(std::move(ranks[0]), &counts);
  testing::SpawnRanks(std::move(ranks), [](Collectives& world) {
    auto store = ExpertStore::Create(Options()).value();
    auto self = std::move(MakeInProcessCollectives(1)[0]);
    const LayerPlacement placement = LayerPlacement::Contiguous(3, 1);
    for (uint32_t slot = 0; slot < 3; ++slot)
      Fill(*store, slot, 0, static_cast<float>(slot + 10 * world.rank()));
    // Alone in its group and without peers.
    ASSERT_TRUE(SumExpertGradients({self.get(), self.get(), store.get()}, placement, 0).ok());
    EXPECT_EQ(store->Acquire({0, 1})->gradients[0], 1 + 10.0f * world.rank());
    ASSERT_TRUE(SumExpertGradients({self.get(), &world, store.get()}, placement, 0).ok());
    for (uint32_t slot = 0; slot < 3; ++slot) {
      EXPECT_EQ(store->Acquire({0, slot})->gradients[0], 2.0f * slot + 10);
    }
  });
  EXPECT_EQ(counts.expert_exchanges, 0u);
  EXPECT_EQ(counts.reductions, 3u);
}

TEST(MigrateExperts, EveryNewHolderGetsWeightsAndMoments) {
  testing::SpawnRanks(3, [](Collectives& world) {
    auto store = ExpertStore::Create(Options()).value();
    const LayerPlacement from = Replicated();
    const LayerPlacement to =
        LayerPlacement::Make(4, {{3, 2, kEmptySlot}, {0, 1, 2}, {1, 3, kEmptySlot}}).value();
    const uint32_t me = world.rank();
    for (uint32_t slot = 0; slot < from.num_slots(me); ++slot) {
      const uint32_t expert = from.ExpertAt({me, slot});
      if (expert != kEmptySlot) Fill(*store, slot, static_cast<float>(expert + 1), 0);
    }
    ASSERT_TRUE(MigrateExperts(world, *store, from, to, 0).ok());
    for (uint32_t slot = 0; slot < to.num_slots(me); ++slot) {
      const uint32_t expert = to.ExpertAt({me, slot});
      if (expert == kEmptySlot) continue;
      const ExpertPage page = *store->Acquire({0, slot});
      EXPECT_EQ(page.weights[0], expert + 1.0f);
      EXPECT_EQ(page.means[0], expert + 1.25f);
      EXPECT_EQ(page.variances[11], expert + 1.5f);
    }
  });
}

}  // namespace
}  // namespace grouter
