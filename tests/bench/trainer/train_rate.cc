// Tokens per second of whole training steps at the demo's shape: two ranks over Gloo, one thread each, by
// plans and with a learned router on the same samples. Verifies first that both worlds' losses are one
// rank's.
//
//   train_rate [--steps N] [--folder DIR]   one JSON object a line
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "io/file.h"
#include "tests/testing/training/small_training.h"
#include "trainer/collectives/gloo.h"
#include "trainer/experts/matmul.h"

namespace grouter {
namespace {

using testing::SmallTraining;
using testing::SmallTrainingOptions;

std::vector<absl::StatusOr<TrainingSummary>> RunOverGloo(const TrainerConfig& config, uint32_t world_size,
                                                         const MakePlanSource& sources,
                                                         const std::string& meeting) {
  std::vector<absl::StatusOr<TrainingSummary>> results(world_size, absl::UnknownError("not run"));
  std::vector<std::thread> ranks;
  FileSystem::Local().Remove(meeting).IgnoreError();
  for (uint32_t rank = 0; rank < world_size; ++rank) {
    ranks.emplace_back([&, rank] {
      SetNumMatMulThreads(1);
      GlooOptions options;
      options.environment.rank = rank;
      options.environment.world_size = world_size;
      options.rendezvous_file = meeting;
      auto world = MakeGlooCollectives(options);
      if (!world.ok()) {
        results[rank] = world.status();
        return;
      }
      results[rank] = RunTraining(config, **world, sources, {});
    });
  }
  for (std::thread& rank : ranks) rank.join();
  return results;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 3;
}

int Main(int argc, char** argv) {
  uint64_t steps = 10;
  std::string folder = "/tmp/grouter_train_rate";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--steps") == 0) steps = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--folder") == 0) folder = argv[i + 1];
  }
  SmallTrainingOptions shape;
  shape.vocab_size = 8192;
  shape.num_documents = 600;
  shape.longest_document = 2000;
  shape.sequence_length = 256;
  shape.hidden_size = 128;
  shape.num_attention_heads = 4;
  shape.moe_intermediate_size = 256;
  shape.num_experts = 16;
  shape.k = 4;
  shape.num_layers = 4;
  SmallTraining training(folder, shape);
  SmallTraining::JobOptions job;
  job.world_size = job.ep_size = 2;
  job.samples_per_step = 16;
  job.num_steps = steps;
  const MakePlanSource sources = training.PlanSources(job);
  TrainerConfig plan = training.Config("plan", job);
  plan.valid.job.clear();
  plan.optimizer.learning_rate = 1e-3;
  SmallTraining::JobOptions alone = job;
  alone.world_size = alone.ep_size = 1;
  TrainerConfig one = plan;
  one.out = folder + "/one";
  one.stop_after = 2;
  const auto reference = RunOverGloo(one, 1, training.PlanSources(alone), folder + "/meeting");
  if (!reference[0].ok()) return Fail(reference[0].status());
  TrainerConfig learned = plan;
  learned.mode = RoutingMode::kLearned;
  learned.out = folder + "/learned";
  for (const TrainerConfig* config : {&plan, &learned}) {
    const auto results = RunOverGloo(*config, 2, sources, folder + "/meeting");
    if (!results[0].ok()) return Fail(results[0].status());
    const TrainingSummary& summary = *results[0];
    for (size_t i = 0; config == &plan && i < reference[0]->steps.size() && i < summary.steps.size(); ++i) {
      if (std::abs(summary.steps[i].train_loss - reference[0]->steps[i].train_loss) < 1e-3) continue;
      return Fail(absl::InternalError("two ranks' losses are not one rank's"));
    }
    std::printf(
        "{\"mode\":\"%s\",\"tokens\":%llu,\"seconds\":%.3f,\"tokens_per_s\":%.1f,\"plan_wait_ms\":%.2f,"
        "\"first_loss\":%.6f,\"last_loss\":%.6f}\n",
        config == &plan ? "plan" : "learned", static_cast<unsigned long long>(summary.tokens),
        summary.seconds, summary.tokens_per_second, static_cast<double>(summary.waited_us) / 1000,
        summary.steps.front().train_loss, summary.steps.back().train_loss);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace grouter

int main(int argc, char** argv) { return grouter::Main(argc, argv); }
