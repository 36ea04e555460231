// The language model of one rank: embedding, layers, output head; forward, loss and backward of a
// micro-batch.
#ifndef GROUTER_TRAINER_MODEL_LANGUAGE_MODEL_H_
#define GROUTER_TRAINER_MODEL_LANGUAGE_MODEL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/dispatch/chunk_route.h"
#include "trainer/model/attention.h"
#include "trainer/model/moe_layer.h"
#include "trainer/model/parameters.h"

namespace grouter {

// One rank's tokens of one micro-batch, samples one after the other. T may be 0.
struct MicroBatchInput {
  std::vector<int32_t> tokens;          // [T]
  std::vector<int32_t> labels;          // [T], -1: no part in the loss
  std::vector<int32_t> positions;       // [T] inside the segment
  std::vector<Segment> segments;        // what sees each other
  std::vector<MicroBatchRoute> routes;  // [layer groups], mode plan only
  uint32_t num_tokens() const { return static_cast<uint32_t>(tokens.size()); }
};

// What a step's gradient is divided by: the same numbers on all ranks.
struct StepScale {
  uint64_t num_loss_tokens = 0;
  uint64_t num_tokens = 0;
};

struct LossSums {
  double loss = 0;  // sum over this rank's loss tokens, nats
  RouterLosses router;
};

// Everything outlives the model. `layer_group_of_layer` may be empty: one group for all.
struct LanguageModelOptions {
  ModelConfig config;
  RoutingMode mode = RoutingMode::kLearned;
  LearnedRouting learned;
  std::vector<uint32_t> layer_group_of_layer;
  uint32_t logits_rows = 256;  // rows of logits held at once
};

// One thread; all ranks of the EP group call alike, also with no tokens of their own.
class LanguageModel {
 public:
  LanguageModel(const LanguageModelOptions& options, const DispatchContext& context,
                DenseParameters* parameters);

  // Adds d(sum of losses / num_loss_tokens + router losses) to the gradients.
  absl::StatusOr<LossSums> Train(const EventPlace& place, const MicroBatchInput& input,
                                 const StepScale& scale);
  // Loss only.
  absl::StatusOr<LossSums> Evaluate(const EventPlace& place, const MicroBatchInput& input);
  // Ids [T, k] the last call used in `layer`.
  const std::vector<int32_t>& last_ids(uint32_t layer, const MicroBatchInput& input) const;

 private:
  struct Layer {
    AttentionActivations attention;
    MoeLayerActivations moe;
    FloatBuffer middle;  // [T, D] after attention
    FloatBuffer out;     // [T, D] after the experts
  };
  AttentionParameters AttentionOf(uint32_t layer);
  MoeParameters MoeOf(uint32_t layer);
  const MicroBatchRoute* RouteOf(uint32_t layer, const MicroBatchInput& input) const;
  absl::Status Forward(const EventPlace& place, const MicroBatchInput& input, bool train);
  // Loss of the last layer's output; with train its gradient in dx_ and the head's gradients.
  double Output(const EventPlace& place, const MicroBatchInput& input, float scale, bool train);

  const LanguageModelOptions options_;
  const DispatchContext context_;
  DenseParameters* const parameters_;
  const RotaryTables tables_;
  Attention attention_;
  DispatchPipeline pipeline_;
  MoeLayer moe_;
  FloatBuffer embedded_;  // [T, D]
  std::vector<Layer> layers_;
  FloatBuffer final_normed_, final_inverse_rms_, logits_, losses_, dnormed_, dx_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_LANGUAGE_MODEL_H_
