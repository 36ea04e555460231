#include "client/stream/plan_buffer.h"

#include <algorithm>

#include "client/local_plan_source.h"
#include "gtest/gtest.h"
#include "io/random.h"
#include "tests/testing/small_job.h"

namespace grouter {
namespace {

class PlanBufferTest : public ::testing::Test {
 protected:
  PlanBufferTest() {
    job_ = testing::RandomJob(4);
    planner_ = *BatchPlanner::Create(job_.spec, job_.const_tables(), job_.schedule);
    identity_.num_steps = planner_->num_steps();
    identity_.num_micro_batches = job_.spec.draft.batch.num_micro_batches;
    identity_.max_part_bytes = 1 << 24;
  }
  std::string Payload(const PartName& name) {
    if (name.second == 0) return EncodeStepPart(*planner_->PlanStep(name.first, 0));
    return EncodeMicroBatchPlan(*planner_->PlanMicroBatch(name.first, 0, name.second - 1)).Flatten();
  }
  static std::shared_ptr<char[]> Copy(const std::string& bytes) {
    std::shared_ptr<char[]> copy(new char[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), copy.get());
    return copy;
  }

  testing::SmallJob job_;
  std::unique_ptr<const BatchPlanner> planner_;
  PlanIdentity identity_;
};

TEST_F(PlanBufferTest, PutsFramesOfAnySizeTogether) {
  Random random(9);
  PartAssembler assembler(identity_, {0, 0});
  for (uint64_t step = 0; step < std::min<uint64_t>(3, identity_.num_steps); ++step) {
    for (uint32_t part = 0; part <= identity_.num_micro_batches; ++part) {
      const std::string payload = Payload({step, part});
      EXPECT_EQ(assembler.name(), PartName(step, part));
      for (uint64_t offset = 0; offset < payload.size();) {
        EXPECT_FALSE(assembler.IsWhole());
        EXPECT_EQ(assembler.offset(), offset);
        const uint64_t size = std::min<uint64_t>(1 + random.Below(300), payload.size() - offset);
        const auto place = assembler.Place({step, part, offset, payload.size(), size});
        ASSERT_TRUE(place.ok()) << place.status();
        std::copy_n(payload.data() + offset, size, *place);
        offset += size;
      }
      ASSERT_TRUE(assembler.IsWhole());
      const auto taken = assembler.Take();
      ASSERT_TRUE(taken.ok()) << taken.status();
      EXPECT_EQ(taken->payload_bytes, payload.size());
      EXPECT_EQ(part == 0, taken->step != nullptr);
    }
  }
}

TEST_F(PlanBufferTest, FramesOutOfOrderOrTooLongAreRefused) {
  PartAssembler assembler(identity_, {1, 0});
  EXPECT_FALSE(assembler.Place({0, 0, 0, 10, 5}).ok());
  EXPECT_FALSE(assembler.Place({1, 1, 0, 10, 5}).ok());
  EXPECT_FALSE(assembler.Place({1, 0, 3, 10, 5}).ok());
  EXPECT_FALSE(assembler.Place({1, 0, 0, uint64_t{1} << 40, 5}).ok());
  EXPECT_FALSE(assembler.Place({1, 0, 0, 0, 0}).ok());
  ASSERT_TRUE(assembler.Place({1, 0, 0, 10, 5}).ok());
  EXPECT_FALSE(assembler.Place({1, 0, 5, 11, 5}).ok());
  EXPECT_FALSE(assembler.Place({1, 0, 5, 10, 6}).ok());
  EXPECT_TRUE(assembler.Place({1, 0, 5, 10, 5}).ok());
}

TEST_F(PlanBufferTest, ADamagedPartIsDataLossAndStartsOver) {
  std::string payload = Payload({0, 1});
  PartAssembler assembler(identity_, {0, 1});
  const auto place = assembler.Place({0, 1, 0, payload.size(), payload.size()});
  ASSERT_TRUE(place.ok());
  payload.back() ^= 1;
  std::copy(payload.begin(), payload.end(), *place);
  EXPECT_EQ(assembler.Take().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(assembler.name(), PartName(0, 1));
  EXPECT_EQ(assembler.offset(), 0u);
}

TEST_F(PlanBufferTest, APlanOfAnotherStepOrRankIsDataLoss) {
  const std::string payload = Payload({0, 1});
  EXPECT_TRUE(CheckPart({0, 1}, identity_, Copy(payload), payload.size()).ok());
  EXPECT_EQ(CheckPart({1, 1}, identity_, Copy(payload), payload.size()).status().code(),
            absl::StatusCode::kDataLoss);
  identity_.rank = 1;
  EXPECT_EQ(CheckPart({0, 1}, identity_, Copy(payload), payload.size()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(PlanBufferTest, EveryFlippedByteOfAStepPartsHeadIsNoticedOrHarmless) {
  const std::string payload = Payload({0, 0});
  for (size_t i = 0; i < std::min<size_t>(payload.size(), 16); ++i) {
    std::string damaged = payload;
    damaged[i] ^= 0x40;
    const auto part = CheckPart({0, 0}, identity_, Copy(damaged), damaged.size());
    EXPECT_EQ(part.status().code(), absl::StatusCode::kDataLoss) << i;
  }
}

}  // namespace
}  // namespace grouter
