// A small training run for tests: a corpus with something to learn, its sample index, a routing table, a job.
#ifndef GROUTER_TESTS_TESTING_TRAINING_SMALL_TRAINING_H_
#define GROUTER_TESTS_TESTING_TRAINING_SMALL_TRAINING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/indexed_dataset.h"
#include "data/sample_index.h"
#include "routing/planning/batch_planner.h"
#include "routing/table/routing_table.h"
#include "trainer/training_run.h"

namespace grouter {
namespace testing {

struct SmallTrainingOptions {
  uint64_t seed = 1;
  uint32_t vocab_size = 48;
  uint32_t num_documents = 60;
  uint32_t longest_document = 40;
  uint32_t sequence_length = 16;
  bool one_document_samples = false;  // samples of different lengths
  bool cross_document = false;
  uint32_t hidden_size = 16;
  uint32_t num_attention_heads = 2;
  uint32_t moe_intermediate_size = 24;
  uint32_t num_experts = 6;
  uint32_t k = 2;
  uint32_t num_layers = 2;
  uint32_t num_layer_groups = 1;
  double missing_routes = 0;
  bool per_token_k = false;
  WeightType weight_type = WeightType::kFloat32;
};

// Files in `folder`, made by the constructor, which dies if it cannot. Thread-safe after that.
class SmallTraining {
 public:
  SmallTraining(std::string folder, const SmallTrainingOptions& options);

  struct JobOptions {
    uint32_t world_size = 1;
    uint32_t ep_size = 1;
    std::vector<uint32_t> ranks_of_nodes;  // empty: one node
    uint32_t samples_per_step = 6;
    uint32_t num_micro_batches = 1;
    uint32_t num_chunks = 2;
    uint64_t num_steps = 4;
    uint64_t seed = 5;
    DispatchProtocol protocol = DispatchProtocol::kOncePerRank;
    GateWeights gate_weights = GateWeights::kLive;
    AssignmentPolicy assignment = AssignmentPolicy::kInOrder;
    uint32_t replicas = 0;           // spare slots a rank, holding copies
    uint64_t second_epoch_step = 0;  // above 0: from this step the experts lie in reverse order
  };
  // Plans of split "train" for config.train.job == "train", of "valid" for "valid".
  MakePlanSource PlanSources(const JobOptions& options) const;
  // Mode plan over PlanSources; `name` is the run's folder.
  TrainerConfig Config(const std::string& name, const JobOptions& options) const;
  // Mode learned, samples from the index.
  TrainerConfig LearnedConfig(const std::string& name) const;

  std::shared_ptr<const BatchPlanner> Planner(const JobOptions& options, const std::string& split) const;
  const SampleIndex& index() const { return *index_; }

 private:
  const std::string folder_;
  const SmallTrainingOptions options_;
  std::shared_ptr<const IndexedDataset> dataset_;
  std::shared_ptr<const SampleIndex> index_;
  std::shared_ptr<const RoutingTable> table_;
};

// Runs `config` on `world_size` threads; element r is rank r's result.
std::vector<absl::StatusOr<TrainingSummary>> RunRanks(const TrainerConfig& config, uint32_t world_size,
                                                      const MakePlanSource& sources,
                                                      const std::vector<TrainingHooks>& hooks = {});

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TESTING_TRAINING_SMALL_TRAINING_H_
