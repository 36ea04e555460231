#include "trainer/training_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/mutex.h"
#include "tests/testing/training/ranks.h"
#include "tests/testing/training/small_training.h"
#include "trainer/collectives/counting.h"

namespace grouter {
namespace {

using testing::RunRanks;
using testing::SmallTraining;
using testing::SmallTrainingOptions;

std::string Folder() {
  return JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
}

std::vector<double> Losses(const TrainingSummary& summary) {
  std::vector<double> losses;
  for (const StepPoint& point : summary.steps) losses.push_back(point.train_loss);
  return losses;
}

void ExpectNear(const TrainingSummary& a, const TrainingSummary& b, double tolerance) {
  ASSERT_EQ(a.steps.size(), b.steps.size());
  for (size_t i = 0; i < a.steps.size(); ++i) {
    EXPECT_NEAR(a.steps[i].train_loss, b.steps[i].train_loss, tolerance) << "step " << i;
    EXPECT_NEAR(a.steps[i].gradient_norm, b.steps[i].gradient_norm, 20 * tolerance) << "step " << i;
  }
  ASSERT_EQ(a.validations.size(), b.validations.size());
  for (size_t i = 0; i < a.validations.size(); ++i) {
    EXPECT_NEAR(a.validations[i].valid_loss, b.validations[i].valid_loss, tolerance);
  }
}

TEST(TrainingRun, ALearnedRouterLearnsAndItsRoutingIsCompared) {
  SmallTraining training(Folder(), {});
  TrainerConfig config = training.LearnedConfig("run");
  config.num_steps = 40;
  config.eval_interval = 20;
  auto results = RunRanks(config, 1, nullptr);
  ASSERT_TRUE(results[0].ok()) << results[0].status();
  const TrainingSummary& summary = *results[0];
  ASSERT_EQ(summary.steps.size(), 40u);
  EXPECT_NEAR(summary.steps.front().train_loss, std::log(48.0), 0.3);
  EXPECT_LT(summary.steps.back().train_loss, summary.steps.front().train_loss - 0.5);
  ASSERT_EQ(summary.validations.size(), 3u);
  EXPECT_LT(summary.validations[2].valid_loss, summary.validations[0].valid_loss - 0.5);
  EXPECT_TRUE(summary.validations[0].route_exact_match.empty());
  ASSERT_EQ(summary.validations[2].route_exact_match.size(), 2u);
  EXPECT_GT(summary.validations[2].route_exact_match[0], 0);
  EXPECT_LE(summary.validations[2].route_exact_match[0], 1);
}

TrainingSummary RunOk(const TrainerConfig& config, uint32_t world_size, const MakePlanSource& sources) {
  auto results = RunRanks(config, world_size, sources);
  for (const auto& result : results) EXPECT_TRUE(result.ok()) << result.status();
  return results[0].ok() ? *results[0] : TrainingSummary();
}

struct WorldShape {
  uint32_t world_size, ep_size, num_micro_batches, replicas;
  std::vector<uint32_t> ranks_of_nodes;
};

TEST(TrainingRun, AnyWorldGivesTheGradientOfOneRank) {
  SmallTrainingOptions shape;
  shape.one_document_samples = true;  // samples of uneven length
  shape.missing_routes = 0.1;
  shape.per_token_k = true;
  shape.num_layer_groups = 2;
  SmallTraining training(Folder(), shape);
  for (DispatchProtocol protocol :
       {DispatchProtocol::kOncePerRank, DispatchProtocol::kCopyPerExpert, DispatchProtocol::kOncePerNode}) {
    for (GateWeights gate : {GateWeights::kLive, GateWeights::kStored}) {
      for (uint32_t samples : {7u, 2u}) {
        SmallTraining::JobOptions job;
        job.protocol = protocol;
        job.gate_weights = gate;
        job.samples_per_step = samples;
        const TrainingSummary alone = RunOk(training.Config("alone", job), 1, training.PlanSources(job));
        // With 2 samples a step some ranks of 3 and 4 have none.
        for (const WorldShape& world : {WorldShape{2, 2, 1, 0, {1, 1}},
                                        {3, 3, 2, 0, {2, 1}},
                                        {4, 2, 1, 1, {3, 1}},
                                        {3, 3, 1, 2, {1, 2}}}) {
          SCOPED_TRACE(::testing::Message() << "world " << world.world_size << " ep " << world.ep_size
                                            << " replicas " << world.replicas << " samples " << samples);
          job.world_size = world.world_size;
          job.ep_size = world.ep_size;
          job.num_micro_batches = world.num_micro_batches;
          job.replicas = world.replicas;
          job.ranks_of_nodes = world.ranks_of_nodes;
          const TrainingSummary together =
              RunOk(training.Config("together", job), world.world_size, training.PlanSources(job));
          ExpectNear(alone, together, 2e-4);
        }
      }
    }
  }
}

// Numbers must not move by accident: a change that moves them says so. The tolerance is that of other
// processors' matrix products.
TEST(TrainingRun, LossesAreTheGoldenOnes) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  const std::vector<double> planned =
      Losses(RunOk(training.Config("plan", job), 2, training.PlanSources(job)));
  const std::vector<double> learned = Losses(RunOk(training.LearnedConfig("learned"), 1, nullptr));
  const std::vector<double> golden_planned = {3.871220, 3.813288, 3.675647, 3.580850};
  const std::vector<double> golden_learned = {3.868363, 3.850398, 3.700915, 3.598142};
  ASSERT_EQ(planned.size(), golden_planned.size());
  ASSERT_EQ(learned.size(), golden_learned.size());
  for (size_t i = 0; i < planned.size(); ++i) {
    EXPECT_NEAR(planned[i], golden_planned[i], 2e-4);
    EXPECT_NEAR(learned[i], golden_learned[i], 2e-4);
  }
}

TEST(TrainingRun, ALearnedRouterTrainsTheSameOnTwoRanks) {
  SmallTraining training(Folder(), {});
  TrainerConfig config = training.LearnedConfig("one");
  config.balance_coefficient = 0.1;
  const TrainingSummary alone = RunOk(config, 1, nullptr);
  config.out = Folder() + "/two";
  ExpectNear(alone, RunOk(config, 2, nullptr), 2e-4);
}

TEST(TrainingRun, InPlanModeNoCountIsExchanged) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  job.num_micro_batches = 2;
  job.num_chunks = 3;
  TrainerConfig config = training.Config("run", job);
  config.valid.job.clear();
  CollectiveCounts counts;
  auto ranks = MakeInProcessCollectives(2);
  ranks[0] = MakeCountingCollectives(std::move(ranks[0]), &counts);
  const MakePlanSource sources = training.PlanSources(job);
  testing::SpawnRanks(std::move(ranks), [&](Collectives& world) {
    const auto result = RunTraining(config, world, sources, {});
    EXPECT_TRUE(result.ok()) << result.status();
  });
  const uint64_t layers = 2, directions = 2, passes = 2;
  const uint64_t exchanges =
      job.num_steps * job.num_micro_batches * layers * job.num_chunks * directions * passes;
  EXPECT_EQ(counts.count_exchanges, 0u);
  EXPECT_EQ(counts.row_exchanges, exchanges);
  // Dense gradients, and one for loss and norm.
  EXPECT_EQ(counts.reductions, job.num_steps * 2);
  EXPECT_GT(counts.row_bytes_sent, 0u);

  // Relays know from their plan what they forward.
  job.protocol = DispatchProtocol::kOncePerNode;
  job.ranks_of_nodes = {1, 1};
  CollectiveCounts two_hops;
  auto relays = MakeInProcessCollectives(2);
  relays[0] = MakeCountingCollectives(std::move(relays[0]), &two_hops);
  const MakePlanSource relayed = training.PlanSources(job);
  testing::SpawnRanks(std::move(relays), [&](Collectives& world) {
    const auto result = RunTraining(config, world, relayed, {});
    EXPECT_TRUE(result.ok()) << result.status();
  });
  EXPECT_EQ(two_hops.count_exchanges, 0u);
  EXPECT_EQ(two_hops.row_exchanges, 2 * exchanges);

  TrainerConfig learned = training.LearnedConfig("learned");
  CollectiveCounts baseline;
  auto others = MakeInProcessCollectives(2);
  others[0] = MakeCountingCollectives(std::move(others[0]), &baseline);
  testing::SpawnRanks(std::move(others), [&](Collectives& world) {
    const auto result = RunTraining(learned, world, nullptr, {});
    EXPECT_TRUE(result.ok()) << result.status();
  });
  EXPECT_GT(baseline.count_exchanges, 0u);
}

TEST(TrainingRun, ARunThatWasCutGoesOnWithTheSameBits) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  job.num_steps = 6;
  const MakePlanSource sources = training.PlanSources(job);
  const TrainerConfig whole = training.Config("whole", job);
  const TrainingSummary uncut = RunOk(whole, 2, sources);
  TrainerConfig cut = training.Config("cut", job);
  cut.stop_after = 3;
  EXPECT_EQ(RunOk(cut, 2, sources).steps.size(), 3u);
  cut.stop_after = 0;
  cut.resume = "latest";
  const TrainingSummary rest = RunOk(cut, 2, sources);
  const std::vector<double> all = Losses(uncut);
  EXPECT_EQ(Losses(rest), std::vector<double>(all.begin() + 3, all.end()));
  EXPECT_EQ(rest.validations.back().valid_loss, uncut.validations.back().valid_loss);
  FileSystem& files = FileSystem::Local();
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json", "config.json"}) {
    const auto a = files.ReadFile(JoinPath(uncut.last_checkpoint, name));
    const auto b = files.ReadFile(JoinPath(rest.last_checkpoint, name));
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_TRUE(*a == *b) << name;
  }
}

TEST(TrainingRun, FewerResidentExpertsGiveTheSameBits) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  job.num_micro_batches = 2;
  const MakePlanSource sources = training.PlanSources(job);
  TrainerConfig config = training.Config("all", job);
  const TrainingSummary all = RunOk(config, 2, sources);
  for (const bool in_file : {false, true}) {
    config.out = Folder() + "/few";
    config.num_resident_experts = 4;  // of 6 a rank holds
    config.backing_in_file = in_file;
    StepEventLog log;
    auto results = RunRanks(config, 2, sources, {{&log, nullptr}, {}});
    ASSERT_TRUE(results[0].ok()) << results[0].status();
    EXPECT_EQ(Losses(*results[0]), Losses(all));
    EXPECT_EQ(results[0]->validations.back().valid_loss, all.validations.back().valid_loss);
    uint64_t fetches = 0;
    for (const StepEvent& event : log.events()) fetches += event.kind == EventKind::kFetch;
    EXPECT_GT(fetches, 0u);
  }
  config.num_resident_experts = 2;  // one layer does not fit
  EXPECT_TRUE(absl::IsInvalidArgument(RunRanks(config, 2, sources)[0].status()));
}

TEST(TrainingRun, AChunksDispatchIsInFlightWhileAnotherComputes) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  job.num_chunks = 3;
  TrainerConfig config = training.Config("run", job);
  config.valid.job.clear();
  StepEventLog log;
  ASSERT_TRUE(RunRanks(config, 2, training.PlanSources(job), {{&log, nullptr}, {}})[0].ok());
  const std::vector<StepEvent> events = log.events();
  const auto find = [&](const StepEvent& like, EventKind kind, int32_t chunk) -> const StepEvent* {
    for (const StepEvent& event : events) {
      if (event.kind == kind && event.chunk == chunk && event.step == like.step &&
          event.layer == like.layer && event.micro_batch == like.micro_batch &&
          event.backward == like.backward) {
        return &event;
      }
    }
    return nullptr;
  };
  int checked = 0;
  for (const StepEvent& compute : events) {
    if (compute.kind != EventKind::kCompute) continue;
    if (compute.chunk + 1 < 3) {
      const StepEvent* next = find(compute, EventKind::kDispatch, compute.chunk + 1);
      ASSERT_NE(next, nullptr);
      EXPECT_LT(next->begin_order, compute.begin_order);
      EXPECT_GT(next->end_order, compute.end_order);
    }
    if (compute.chunk > 0) {
      const StepEvent* before = find(compute, EventKind::kCombine, compute.chunk - 1);
      ASSERT_NE(before, nullptr);
      EXPECT_LT(before->begin_order, compute.begin_order);
      EXPECT_GT(before->end_order, compute.end_order);
    }
    ++checked;
  }
  EXPECT_EQ(checked, 4 * 2 * 2 * 3);  // steps, layers, directions, chunks
}

TEST(TrainingRun, PlansAndLayoutsAreMadeAheadOfTheirStep) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.num_steps = 6;
  TrainerConfig config = training.Config("run", job);
  config.valid.job.clear();
  StepEventLog log;
  // The second step is held up until the layout of the fourth is there: the feed is two steps ahead.
  Mutex mutex;
  CondVar changed;
  bool fourth_asked = false;
  class Watched : public PlanSource {
   public:
    Watched(std::unique_ptr<PlanSource> inner, std::function<void(uint64_t)> asked,
            std::function<void(uint64_t)> done)
        : inner_(std::move(inner)), asked_(std::move(asked)), done_(std::move(done)) {}
    const JobSpec& spec() const override { return inner_->spec(); }
    const Digest& job_digest() const override { return inner_->job_digest(); }
    uint32_t rank() const override { return inner_->rank(); }
    uint64_t num_steps() const override { return inner_->num_steps(); }
    absl::StatusOr<std::shared_ptr<const StepPart>> Step(uint64_t step) override {
      asked_(step);
      return inner_->Step(step);
    }
    absl::StatusOr<std::shared_ptr<const MicroBatchPlan>> MicroBatch(uint64_t step, uint32_t m) override {
      return inner_->MicroBatch(step, m);
    }
    absl::StatusOr<std::shared_ptr<const PlacementEpoch>> PlacementAt(uint64_t step) override {
      return inner_->PlacementAt(step);
    }
    void Finished(uint64_t step) override { done_(step); }
    void Close() override { inner_->Close(); }

   private:
    std::unique_ptr<PlanSource> inner_;
    std::function<void(uint64_t)> asked_, done_;
  };
  const MakePlanSource plain = training.PlanSources(job);
  const MakePlanSource watched = [&](const PlansConfig& plans,
                                     uint32_t rank) -> absl::StatusOr<std::unique_ptr<PlanSource>> {
    auto inner = plain(plans, rank);
    if (!inner.ok()) return inner.status();
    return std::unique_ptr<PlanSource>(new Watched(
        *std::move(inner),
        [&](uint64_t step) {
          MutexLock lock(&mutex);
          if (step >= 3) fourth_asked = true;
          changed.SignalAll();
        },
        [&](uint64_t step) {
          if (step != 1) return;
          // Would wait for ever if plans were only asked for when their step begins.
          MutexLock lock(&mutex);
          while (!fourth_asked) changed.Wait(&mutex);
        }));
  };
  ASSERT_TRUE(RunRanks(config, 1, watched, {{&log, nullptr}})[0].ok());
  uint64_t layouts = 0;
  for (const StepEvent& event : log.events()) layouts += event.kind == EventKind::kLayout;
  EXPECT_EQ(layouts, 6u);
}

TEST(TrainingRun, ExpertsMoveAtAPlacementEpochAndLossesStay) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  job.num_steps = 6;
  job.replicas = 1;
  const TrainingSummary still = RunOk(training.Config("still", job), 2, training.PlanSources(job));
  job.second_epoch_step = 3;
  const TrainingSummary moved = RunOk(training.Config("moved", job), 2, training.PlanSources(job));
  ExpectNear(still, moved, 2e-4);
}

TEST(TrainingRun, ARankThatEndsIsAClearErrorForTheOthers) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  TrainerConfig config = training.Config("run", job);
  config.collective_timeout = std::chrono::milliseconds(300);
  const MakePlanSource plain = training.PlanSources(job);
  const MakePlanSource sources = [&](const PlansConfig& plans,
                                     uint32_t rank) -> absl::StatusOr<std::unique_ptr<PlanSource>> {
    if (rank == 1) return absl::UnavailableError("the process was killed");
    return plain(plans, rank);
  };
  auto results = RunRanks(config, 2, sources);
  EXPECT_TRUE(absl::IsUnavailable(results[1].status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(results[0].status())) << results[0].status();
}

TEST(TrainingRun, AJobForAnotherWorldOrModelIsRefused) {
  SmallTraining training(Folder(), {});
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  const MakePlanSource sources = training.PlanSources(job);
  EXPECT_TRUE(absl::IsFailedPrecondition(RunRanks(training.Config("run", job), 1, sources)[0].status()));
  TrainerConfig wider = training.Config("run", job);
  wider.model.hidden_size = 32;
  EXPECT_TRUE(absl::IsFailedPrecondition(RunRanks(wider, 2, sources)[0].status()));
  TrainerConfig fewer = training.Config("run", job);
  fewer.model.num_experts = 5;
  EXPECT_TRUE(absl::IsFailedPrecondition(RunRanks(fewer, 2, sources)[0].status()));
  TrainerConfig other = training.Config("run", job);
  other.resume = "latest";
  EXPECT_TRUE(absl::IsNotFound(RunRanks(other, 2, sources)[0].status()));
}

}  // namespace
}  // namespace grouter
