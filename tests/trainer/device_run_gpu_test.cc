// The trainer on a GPU: the losses of the host's run, but for the last bits of sums.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/file.h"
#include "tests/testing/training/small_training.h"
#include "trainer/collectives/nccl.h"
#include "trainer/device/cuda_device.h"

namespace grouter {
namespace {

using testing::RunRanks;
using testing::SmallTraining;

std::string Folder() {
  return JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
}

void ExpectHostsLosses(const TrainerConfig& config, const MakePlanSource& sources) {
  auto device = MakeCudaDevice(0, std::chrono::seconds(60));
  if (!device.ok()) GTEST_SKIP() << device.status().message();
  auto world = MakeNcclCollectives({});
  ASSERT_TRUE(world.ok()) << world.status();
  TrainerConfig on_host = config;
  on_host.out += "_host";
  const auto host = RunRanks(on_host, 1, sources)[0];
  ASSERT_TRUE(host.ok()) << host.status();
  TrainingHooks hooks;
  hooks.device = device->get();
  const auto ours = RunTraining(config, **world, sources, hooks);
  ASSERT_TRUE(ours.ok()) << ours.status();
  ASSERT_EQ(ours->steps.size(), host->steps.size());
  for (size_t i = 0; i < ours->steps.size(); ++i) {
    EXPECT_NEAR(ours->steps[i].train_loss, host->steps[i].train_loss, 1e-3);
    EXPECT_NEAR(ours->steps[i].gradient_norm, host->steps[i].gradient_norm,
                1e-2 * host->steps[i].gradient_norm);
  }
  ASSERT_EQ(ours->validations.size(), host->validations.size());
  EXPECT_NEAR(ours->validations.back().valid_loss, host->validations.back().valid_loss, 1e-3);
}

TEST(TrainingOnAGpu, GivesTheHostsLosses) {
  const SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.num_micro_batches = 2;
  ExpectHostsLosses(training.Config("run", job), training.PlanSources(job));
}

TEST(TrainingOnAGpu, GivesTheHostsLossesWithFewExpertsResident) {
  const SmallTraining training(Folder(), {});
  const SmallTraining::JobOptions job;
  TrainerConfig config = training.Config("run", job);
  config.num_resident_experts = 7;
  ExpectHostsLosses(config, training.PlanSources(job));
}

TEST(TrainingOnAGpu, GivesTheHostsLossesWithALearnedRouter) {
  const SmallTraining training(Folder(), {});
  ExpectHostsLosses(training.LearnedConfig("run"), nullptr);
}

}  // namespace
}  // namespace grouter
