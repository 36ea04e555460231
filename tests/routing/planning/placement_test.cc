#include "routing/planning/placement.h"

#include "gtest/gtest.h"
#include "io/random.h"

namespace grouter {
namespace {

PlacementSchedule TwoEpochs() {
  PlacementSchedule schedule;
  schedule.draft = Sha256("draft");
  schedule.predicted_step_ns = 5;
  schedule.contiguous_step_ns = 9;
  PlacementEpoch first;
  first.placement = {LayerPlacement::Contiguous(5, 2), LayerPlacement::Contiguous(7, 3)};
  PlacementEpoch second;
  second.first_step = 10;
  second.placement = {LayerPlacement::Make(5, {{0, 1, 3}, {2, 4}}).value(), first.placement[1]};
  second.moves = {{0, 3, SlotRef{1, 0}, SlotRef{0, 2}}, {0, 2, SlotRef{0, 2}, SlotRef{1, 0}}};
  schedule.epochs = {first, second};
  return schedule;
}

TEST(LayerPlacementTest, FindsSlotsByExpertAndExpertsBySlot) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    const uint32_t ranks = 1 + random.Below(9);
    const uint32_t experts = 1 + random.Below(40);
    std::vector<std::vector<uint32_t>> slots(ranks);
    for (uint32_t e = 0; e < experts; ++e) {
      const uint32_t owner = random.Below(ranks);
      slots[owner].push_back(e);
      const uint32_t other = random.Below(ranks);
      if (other != owner) slots[other].push_back(e);
    }
    for (auto& rank : slots) {
      if (random.Below(2) == 0) rank.push_back(kEmptySlot);
      random.Shuffle(&rank);
    }
    const auto layer = LayerPlacement::Make(experts, slots);
    ASSERT_TRUE(layer.ok()) << layer.status();
    uint32_t filled = 0;
    for (uint32_t e = 0; e < experts; ++e) {
      const auto refs = layer->SlotsOf(e);
      ASSERT_FALSE(refs.empty());
      EXPECT_EQ(layer->OwnerOf(e), refs[0]);
      for (size_t i = 0; i < refs.size(); ++i) {
        EXPECT_EQ(layer->ExpertAt(refs[i]), e);
        EXPECT_EQ(layer->FromGlobalSlot(layer->GlobalSlot(refs[i])), refs[i]);
        if (i > 0) {
          EXPECT_LT(refs[i - 1], refs[i]);
        }
        ++filled;
      }
    }
    for (const auto& rank : slots) {
      for (uint32_t e : rank) filled -= e != kEmptySlot;
    }
    EXPECT_EQ(filled, 0u);
  }
}

TEST(LayerPlacementTest, RefusesWhatIsNoPlacement) {
  EXPECT_FALSE(LayerPlacement::Make(0, {}).ok());
  EXPECT_FALSE(LayerPlacement::Make(2, {{0}}).ok()) << "expert 1 has no slot";
  EXPECT_FALSE(LayerPlacement::Make(2, {{0, 1, 0}}).ok()) << "two copies on one rank";
  EXPECT_FALSE(LayerPlacement::Make(2, {{0, 1}, {2}}).ok()) << "no such expert";
  EXPECT_TRUE(LayerPlacement::Make(2, {{0, 1}, {}, {kEmptySlot, kEmptySlot}}).ok()) << "a rank without slots";
}

TEST(LayerPlacementTest, DealsExpertsInOrderWithTheRemainderFirst) {
  const LayerPlacement layer = LayerPlacement::Contiguous(7, 3);
  EXPECT_EQ(layer.num_slots(0), 3u);
  EXPECT_EQ(layer.num_slots(1), 2u);
  EXPECT_EQ(layer.num_slots(2), 2u);
  EXPECT_EQ(layer.OwnerOf(3), (SlotRef{1, 0}));
  const LayerPlacement thin = LayerPlacement::Contiguous(2, 5);
  EXPECT_EQ(thin.num_slots(4), 0u);
}

TEST(PlacementScheduleTest, DecodesWhatItEncodes) {
  const PlacementSchedule schedule = TwoEpochs();
  const auto decoded = PlacementSchedule::Decode(schedule.Encode());
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->digest(), schedule.digest());
  EXPECT_EQ(decoded->epochs[1].placement[0], schedule.epochs[1].placement[0]);
  EXPECT_EQ(decoded->EpochOf(9), 0u);
  EXPECT_EQ(decoded->EpochOf(10), 1u);
  EXPECT_EQ(decoded->EpochOf(1000000), 1u);
}

TEST(PlacementScheduleTest, EveryCutIsRefusedAndWhatDecodesEncodesToTheSameBytes) {
  const std::string bytes = TwoEpochs().Encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(PlacementSchedule::Decode(absl::string_view(bytes).substr(0, length)).ok()) << length;
  }
  Random random(2);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(damaged.size())] ^= static_cast<char>(1 << random.Below(8));
    const auto decoded = PlacementSchedule::Decode(damaged);
    if (decoded.ok()) {
      EXPECT_EQ(decoded->Encode(), damaged);
    }
  }
}

TEST(PlacementScheduleTest, RefusesAMoveOfAnExpertThatIsNotThere) {
  PlacementSchedule schedule = TwoEpochs();
  schedule.epochs[1].moves[0].from.rank = 7;
  EXPECT_EQ(PlacementSchedule::Decode(schedule.Encode()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
