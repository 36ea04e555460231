#include "routing/planning/plan.h"

#include "gtest/gtest.h"
#include "io/random.h"
#include "routing/planning/batch_planner.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

// Plans of a random job: one of rank 0 and the step part that goes with it.
struct Plans {
  testing::SmallJob job;
  MicroBatchPlan micro_batch;
  StepPart step;
};
Plans PlansOfSeed(uint64_t seed) {
  Plans plans;
  plans.job = testing::RandomJob(seed);
  auto planner = BatchPlanner::Create(plans.job.spec, plans.job.const_tables(), plans.job.schedule);
  EXPECT_TRUE(planner.ok()) << planner.status();
  plans.micro_batch = (*planner)->PlanMicroBatch(0, 0, 0).value();
  plans.step = (*planner)->PlanStep(0, 0).value();
  return plans;
}

absl::StatusOr<MicroBatchPlan> Decode(const std::string& bytes) {
  auto owner = std::make_shared<std::string>(bytes);
  return DecodeMicroBatchPlan(*owner, owner);
}

TEST(PlanTest, DecodesWhatItEncodes) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Plans plans = PlansOfSeed(seed);
    const PlanPayload payload = EncodeMicroBatchPlan(plans.micro_batch);
    const std::string bytes = payload.Flatten();
    EXPECT_EQ(bytes.size(), payload.num_bytes());
    const auto decoded = Decode(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(EncodeMicroBatchPlan(*decoded).Flatten(), bytes);
    const std::string step = EncodeStepPart(plans.step);
    const auto decoded_step = DecodeStepPart(step);
    ASSERT_TRUE(decoded_step.ok()) << decoded_step.status();
    EXPECT_EQ(EncodeStepPart(*decoded_step), step);
  }
}

TEST(PlanTest, PlanesAreTheTablesOwnBytes) {
  const Plans plans = PlansOfSeed(5);
  const PlanPayload payload = EncodeMicroBatchPlan(plans.micro_batch);
  size_t shared = 0;
  for (absl::string_view plane : payload.planes) {
    for (const LayerGroupPlan& group : plans.micro_batch.layer_groups) {
      for (const RouteView& view : group.routes) {
        shared += plane.data() == view.ids.data() || plane.data() == view.weights.data() ||
                  plane.data() == view.num_topk.data() || plane.data() == view.missing.data();
      }
    }
  }
  EXPECT_EQ(shared, payload.planes.size());
}

TEST(PlanTest, EveryCutAndEveryExtensionIsRefused) {
  const Plans plans = PlansOfSeed(3);
  const std::string bytes = EncodeMicroBatchPlan(plans.micro_batch).Flatten();
  for (size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 3000) {
    EXPECT_FALSE(Decode(bytes.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(Decode(bytes + "x").ok());
  const std::string step = EncodeStepPart(plans.step);
  for (size_t length = 0; length < step.size(); ++length)
    EXPECT_FALSE(DecodeStepPart(step.substr(0, length)).ok());
  EXPECT_FALSE(DecodeStepPart(step + "x").ok());
}

TEST(PlanTest, ADamagedRouteIsDataLoss) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Plans plans = PlansOfSeed(seed);
    const PlanPayload payload = EncodeMicroBatchPlan(plans.micro_batch);
    if (payload.planes.empty()) continue;
    std::string bytes = payload.Flatten();
    bytes[payload.head.size()] ^= 1;
    EXPECT_EQ(Decode(bytes).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(PlanTest, FlippedBitsNeverDecodeToOtherBytes) {
  const Plans plans = PlansOfSeed(7);
  const std::string bytes = EncodeMicroBatchPlan(plans.micro_batch).Flatten();
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(damaged.size())] ^= static_cast<char>(1 << random.Below(8));
    const auto decoded = Decode(damaged);
    if (decoded.ok()) {
      EXPECT_EQ(EncodeMicroBatchPlan(*decoded).Flatten(), damaged);
    }
  }
}

TEST(PlanTest, ANewerVersionIsUnimplemented) {
  const Plans plans = PlansOfSeed(7);
  std::string bytes = EncodeMicroBatchPlan(plans.micro_batch).Flatten();
  bytes[4] = 9;
  EXPECT_EQ(Decode(bytes).status().code(), absl::StatusCode::kUnimplemented);
  std::string step = EncodeStepPart(plans.step);
  step[4] = 9;
  EXPECT_EQ(DecodeStepPart(step).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(PlanTest, ARangeOfLayerGroupsIsAPlanOfItsOwn) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Plans plans = PlansOfSeed(seed);
    const uint32_t groups = static_cast<uint32_t>(plans.micro_batch.layer_groups.size());
    const MicroBatchPlan all = SelectLayerGroups(plans.micro_batch, 0, groups);
    EXPECT_EQ(EncodeMicroBatchPlan(all).Flatten(), EncodeMicroBatchPlan(plans.micro_batch).Flatten());
    const MicroBatchPlan last = SelectLayerGroups(plans.micro_batch, groups - 1, 1);
    const auto decoded = Decode(EncodeMicroBatchPlan(last).Flatten());
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->layer_groups[0].layer_group, groups - 1);
  }
}

}  // namespace
}  // namespace grouter
