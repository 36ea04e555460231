// The trainer on a device whose memory the host cannot touch: the same bits as on the host, and nobody waits.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "io/file.h"
#include "tests/testing/training/fake_device.h"
#include "tests/testing/training/small_training.h"

namespace grouter {
namespace {

using testing::FakeDevice;
using testing::RunRanks;
using testing::SmallTraining;
using testing::SmallTrainingOptions;

std::string Folder() {
  return JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
}

// Ranks with a fake device each, and what they did.
struct FakeRanks {
  explicit FakeRanks(uint32_t size) {
    for (uint32_t rank = 0; rank < size; ++rank) {
      logs.push_back(std::make_unique<StepEventLog>());
      devices.push_back(std::make_unique<FakeDevice>(logs.back().get()));
      TrainingHooks hook;
      hook.log = logs.back().get();
      hook.device = devices.back().get();
      hooks.push_back(hook);
    }
  }
  std::vector<std::unique_ptr<StepEventLog>> logs;
  std::vector<std::unique_ptr<FakeDevice>> devices;
  std::vector<TrainingHooks> hooks;
};

void ExpectSameBits(const std::vector<absl::StatusOr<TrainingSummary>>& ours,
                    const std::vector<absl::StatusOr<TrainingSummary>>& host) {
  ASSERT_EQ(ours.size(), host.size());
  for (size_t rank = 0; rank < ours.size(); ++rank) {
    ASSERT_TRUE(ours[rank].ok()) << ours[rank].status();
    ASSERT_TRUE(host[rank].ok()) << host[rank].status();
    ASSERT_EQ(ours[rank]->steps.size(), host[rank]->steps.size());
    for (size_t i = 0; i < ours[rank]->steps.size(); ++i) {
      EXPECT_EQ(ours[rank]->steps[i].train_loss, host[rank]->steps[i].train_loss) << "step " << i;
      EXPECT_EQ(ours[rank]->steps[i].gradient_norm, host[rank]->steps[i].gradient_norm) << "step " << i;
    }
    ASSERT_EQ(ours[rank]->validations.size(), host[rank]->validations.size());
    for (size_t i = 0; i < ours[rank]->validations.size(); ++i) {
      EXPECT_EQ(ours[rank]->validations[i].valid_loss, host[rank]->validations[i].valid_loss);
    }
  }
}

TEST(TrainingOnADevice, GivesTheHostsBitsAndWaitsForNothingInsideAStep) {
  const SmallTraining training(Folder(), {});
  struct Case {
    const char* name;
    uint32_t world_size, ep_size, replicas, resident;
    bool file;
    uint64_t second_epoch_step;
  };
  for (const Case& c : {Case{"alone", 1, 1, 0, 0, false, 0},
                        {"three", 3, 3, 0, 0, false, 0},
                        {"replicas_peers_epochs", 4, 2, 1, 0, false, 2},
                        {"paged", 2, 2, 0, 4, false, 0},
                        {"paged_in_file", 1, 1, 0, 7, true, 0}}) {
    SCOPED_TRACE(c.name);
    SmallTraining::JobOptions job;
    job.world_size = c.world_size;
    job.ep_size = c.ep_size;
    job.replicas = c.replicas;
    job.second_epoch_step = c.second_epoch_step;
    job.num_micro_batches = 2;
    TrainerConfig config = training.Config(std::string(c.name) + "_host", job);
    config.num_resident_experts = c.resident;
    config.backing_in_file = c.file;
    config.eval_interval = 3;
    const auto host = RunRanks(config, c.world_size, training.PlanSources(job));
    FakeRanks ranks(c.world_size);
    config.out = JoinPath(Folder(), std::string(c.name) + "_device");
    ExpectSameBits(RunRanks(config, c.world_size, training.PlanSources(job), ranks.hooks), host);
    for (const auto& device : ranks.devices) {
      EXPECT_EQ(device->num_waits_inside_steps(), 0u);
      EXPECT_GT(device->num_waits(), 0u);
    }
  }
}

TEST(TrainingOnADevice, APlansIndicesAreCopiedOnceAStep) {
  const SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.num_micro_batches = 3;
  TrainerConfig config = training.Config("run", job);
  config.valid.job = "";
  uint64_t uploads_of_start = 0;
  for (uint64_t num_steps : {1, 4}) {
    config.num_steps = num_steps;
    FakeRanks ranks(1);
    ASSERT_TRUE(RunRanks(config, 1, training.PlanSources(job), ranks.hooks)[0].ok());
    EXPECT_EQ(ranks.devices[0]->num_uploads(Stream::kPlans), num_steps);
    // What the stream of kernels gets from the host is the weights and tables of the start.
    if (uploads_of_start == 0) uploads_of_start = ranks.devices[0]->num_uploads(Stream::kCompute);
    EXPECT_EQ(ranks.devices[0]->num_uploads(Stream::kCompute), uploads_of_start);
  }
}

TEST(TrainingOnADevice, ALearnedRouterGivesTheHostsBitsAndWaitsInEachLayer) {
  const SmallTraining training(Folder(), {});
  TrainerConfig config = training.LearnedConfig("host");
  const auto host = RunRanks(config, 2, nullptr);
  FakeRanks ranks(2);
  config.out = JoinPath(Folder(), "device");
  ExpectSameBits(RunRanks(config, 2, nullptr, ranks.hooks), host);
  for (const auto& device : ranks.devices) EXPECT_GT(device->num_waits_inside_steps(), 0u);
}

TEST(TrainingOnADevice, ACheckpointOfItGoesOnOnTheHost) {
  const SmallTraining training(Folder(), {});
  const SmallTraining::JobOptions job;
  TrainerConfig whole = training.Config("whole", job);
  const auto expected = RunRanks(whole, 1, training.PlanSources(job));
  TrainerConfig config = training.Config("parts", job);
  config.stop_after = 2;
  FakeRanks ranks(1);
  ASSERT_TRUE(RunRanks(config, 1, training.PlanSources(job), ranks.hooks)[0].ok());
  config.stop_after = 0;
  config.resume = "latest";
  const auto resumed = RunRanks(config, 1, training.PlanSources(job));
  ASSERT_TRUE(resumed[0].ok()) << resumed[0].status();
  ASSERT_EQ(resumed[0]->steps.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(resumed[0]->steps[i].train_loss, expected[0]->steps[2 + i].train_loss);
  }
}

TEST(FakeDeviceDeathTest, MemoryOfTheDeviceIsNotTheHosts) {
  FakeDevice device;
  auto* memory = static_cast<volatile float*>(device.Allocate(sizeof(float)));
  EXPECT_DEATH(static_cast<void>(*memory), "");
  EXPECT_DEATH(*memory = 1, "");
}

}  // namespace
}  // namespace grouter
