// One rank's small model with everything around it, for tests of its parts.
#ifndef GROUTER_TESTS_TRAINER_MODEL_SMALL_MODEL_H_
#define GROUTER_TESTS_TRAINER_MODEL_SMALL_MODEL_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "io/random.h"
#include "trainer/collectives/in_process.h"
#include "trainer/experts/matmul.h"
#include "trainer/model/language_model.h"

namespace grouter {
namespace testing {

inline ModelConfig SmallModelConfig() {
  ModelConfig config;
  config.vocab_size = 40;
  config.hidden_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.moe_intermediate_size = 12;
  config.num_experts = 5;
  config.num_experts_per_tok = 2;
  config.max_position_embeddings = 32;
  config.rope_theta = 100;
  return config;
}

// Tokens in segments of the given lengths; two experts per token, one here and there.
inline MicroBatchInput SmallInput(const ModelConfig& config, const std::vector<uint32_t>& segments,
                                  uint64_t seed) {
  MicroBatchInput input;
  Random random(seed);
  for (uint32_t length : segments) {
    input.segments.push_back({input.num_tokens(), length});
    for (uint32_t i = 0; i < length; ++i) {
      input.tokens.push_back(static_cast<int32_t>(random.Below(config.vocab_size)));
      input.labels.push_back(static_cast<int32_t>(random.Below(config.vocab_size)));
      input.positions.push_back(static_cast<int32_t>(i));
    }
  }
  return input;
}

class SmallModel {
 public:
  SmallModel(RoutingMode mode, const LearnedRouting& learned) : config_(SmallModelConfig()) {
    SetNumMatMulThreads(1);
    world_ = std::move(MakeInProcessCollectives(1)[0]);
    ExpertStoreOptions store;
    store.shape = config_.expert_shape();
    store.num_layers = config_.num_hidden_layers;
    store.num_slots = config_.num_experts;
    experts_ = ExpertStore::Create(store).value();
    parameters_ = std::make_unique<DenseParameters>(DenseParameters::Create(config_).value());
    EXPECT_TRUE(parameters_->Initialize(config_, 3).ok());
    for (uint64_t i = 0; i < parameters_->num_decaying(); ++i)
      parameters_->weights()[i] *= 6;  // away from linear
    for (uint32_t l = 0; l < config_.num_hidden_layers; ++l) {
      for (uint32_t e = 0; e < config_.num_experts; ++e) {
        float* weights = experts_->Acquire({l, e})->weights;
        InitializeExpert(config_, l, e, 3, weights);
        for (uint64_t i = 0; i < config_.expert_shape().size(); ++i) weights[i] *= 8;
      }
    }
    placement_ = LayerPlacement::Contiguous(config_.num_experts, 1);
    LanguageModelOptions options;
    options.config = config_;
    options.mode = mode;
    options.learned = learned;
    options.learned.placement = &placement_;
    options.learned.ep_group = world_.get();
    options.learned.world = world_.get();
    options.logits_rows = 3;
    model_ = std::make_unique<LanguageModel>(
        options, DispatchContext{world_.get(), &CpuDevice(), experts_.get(), nullptr}, parameters_.get());
  }

  // Gives every token the experts that `ids` [T, 2] name, by plan; `stored` gate weights or live ones.
  void Route(MicroBatchInput* input, uint32_t num_chunks, bool stored) {
    Random random(9);
    const uint32_t k = config_.num_experts_per_tok;
    std::vector<int32_t> ids;
    for (uint32_t t = 0; t < input->num_tokens(); ++t) {
      const auto first = static_cast<int32_t>(random.Below(config_.num_experts));
      ids.push_back(first);
      ids.push_back(t % 5 == 4 ? -1 : (first + 1 + static_cast<int32_t>(random.Below(4))) % 5);
    }
    MicroBatchRoute route =
        RouteFromIds(ids, input->num_tokens(), k, {num_chunks}, placement_, *world_).value();
    if (stored) {
      for (size_t i = 0; i < ids.size(); ++i) route.weights.push_back(static_cast<float>(random.Uniform()));
    }
    input->routes = {std::move(route)};
  }

  // The model's losses as numbers.
  absl::StatusOr<StepSums> Train(const MicroBatchInput& input, const StepScale& scale) {
    StepSums sums;
    const absl::Status status = model_->Train({}, input, scale, &sums);
    if (!status.ok()) return status;
    return sums;
  }
  absl::StatusOr<StepSums> Evaluate(const MicroBatchInput& input) {
    StepSums sums;
    const absl::Status status = model_->Evaluate({}, input, &sums);
    if (!status.ok()) return status;
    return sums;
  }

  const ModelConfig& config() const { return config_; }
  DenseParameters& parameters() { return *parameters_; }
  ExpertStore& experts() { return *experts_; }
  LanguageModel& model() { return *model_; }

 private:
  const ModelConfig config_;
  std::unique_ptr<Collectives> world_;
  std::unique_ptr<ExpertStore> experts_;
  std::unique_ptr<DenseParameters> parameters_;
  LayerPlacement placement_;
  std::unique_ptr<LanguageModel> model_;
};

}  // namespace testing
}  // namespace grouter

#endif  // GROUTER_TESTS_TRAINER_MODEL_SMALL_MODEL_H_
