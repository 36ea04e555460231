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

  // Where the device reads them: copies, or where memory is the host's the arrays themselves.
  bool is_uploaded = false;
  const int32_t* tokens_on_device = nullptr;
  const int32_t* labels_on_device = nullptr;
  const int32_t* positions_on_device = nullptr;
  const int32_t* device_tokens() const { return is_uploaded ? tokens_on_device : tokens.data(); }
  const int32_t* device_labels() const { return is_uploaded ? labels_on_device : labels.data(); }
  const int32_t* device_positions() const { return is_uploaded ? positions_on_device : positions.data(); }
};

// Names all arrays that the device reads to `upload` (AddRoute).
void AddInput(MicroBatchInput* input, IndexUpload* upload);

// What a step's gradient is divided by: the same numbers on all ranks.
struct StepScale {
  uint64_t num_loss_tokens = 0;
  uint64_t num_tokens = 0;
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

  // Queues: adds d(sum of losses / num_loss_tokens + router losses) to the gradients, and the losses to
  // `sums`, on the device.
  absl::Status Train(const EventPlace& place, const MicroBatchInput& input, const StepScale& scale,
                     StepSums* sums);
  // Queues: adds the loss to `sums`, on the device.
  absl::Status Evaluate(const EventPlace& place, const MicroBatchInput& input, StepSums* sums);
  // DispatchPipeline's.
  const int32_t* mismatch() const { return pipeline_.mismatch(); }
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
  // Adds the loss of the last layer's output to `sums`; with train its gradient in dx_ and the head's
  // gradients.
  void Output(const EventPlace& place, const MicroBatchInput& input, float scale, bool train, StepSums* sums);

  const LanguageModelOptions options_;
  const DispatchContext context_;
  Device& device_;
  const Kernels& kernels_;
  DenseParameters* const parameters_;
  Attention attention_;
  DispatchPipeline pipeline_;
  MoeLayer moe_;
  FloatBuffer embedded_;  // [T, D]
  std::vector<Layer> layers_;
  FloatBuffer final_normed_, final_inverse_rms_, logits_, losses_, dnormed_, dx_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_LANGUAGE_MODEL_H_
