// The mixture-of-experts half of a layer: norm, gate, dispatch pipeline, residual.
#ifndef GROUTER_TRAINER_MODEL_MOE_LAYER_H_
#define GROUTER_TRAINER_MODEL_MOE_LAYER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "routing/planning/placement.h"
#include "trainer/dispatch/dispatch_pipeline.h"
#include "trainer/model/model_config.h"
#include "trainer/model/routing_mode.h"
#include "trainer/model/step_sums.h"

namespace grouter {

// Weights and gradients of the layer's dense part; gradients accumulate.
struct MoeParameters {
  const float* norm = nullptr;  // [D]
  const float* gate = nullptr;  // [E, D]
  float* dnorm = nullptr;
  float* dgate = nullptr;
};

// What a learned router needs besides its weights. `num_step_tokens` is of the step, all ranks.
struct LearnedRouting {
  float balance_coefficient = 0;  // of num_experts * sum share * probability, averaged over tokens
  float z_coefficient = 0;        // of logsumexp^2, averaged over tokens
  LiveDispatch dispatch;
  const LayerPlacement* placement = nullptr;
  Collectives* ep_group = nullptr;
  Collectives* world = nullptr;
};

// What forward keeps, of one layer and micro-batch. Reused from step to step.
struct MoeLayerActivations {
  FloatBuffer inverse_rms;                   // [T]
  FloatBuffer normed;                        // [T, D]
  FloatBuffer scores;                        // [T, E], live or learned only
  FloatBuffer weights;                       // [T, k], live or learned only
  IndexBuffer ids;                           // [T, k], learned only
  FloatBuffer share;                         // [E], learned only: of all ranks' choices in this micro-batch
  MicroBatchRoute live_route;                // learned only
  std::unique_ptr<IndexUpload> live_upload;  // of it, where memory is not the host's
  MoeActivations experts;
};

// Shared by all layers: scratch memory. One thread; all ranks of the EP group call alike.
class MoeLayer {
 public:
  MoeLayer(const ModelConfig& config, Device& device, DispatchPipeline* pipeline, RoutingMode mode,
           const LearnedRouting& learned);

  // y [T, D], which already holds the residual, += experts(norm(x)). `route` is the plan's (mode plan), else
  // nullptr. `train`: backward will follow.
  absl::Status Forward(const EventPlace& place, uint32_t num_tokens, const MicroBatchRoute* route,
                       const MoeParameters& parameters, const float* x, float* y, bool train,
                       MoeLayerActivations* keep);
  // dx, which already holds the residual's gradient dy, += gradient through the layer. dx and dy may be the
  // same buffer. `num_step_tokens`: of the step, all ranks (scales the router's losses). `sums`, on the
  // device, gets the router's losses added.
  absl::Status Backward(const EventPlace& place, uint32_t num_tokens, const MicroBatchRoute* route,
                        const MoeParameters& parameters, MoeLayerActivations* kept, const float* x,
                        const float* dy, float* dx, uint64_t num_step_tokens, StepSums* sums);

 private:
  bool HasGate(const MicroBatchRoute* route) const { return route == nullptr || route->weights.empty(); }
  absl::StatusOr<std::vector<int32_t>> ReadIds(const IndexBuffer& ids) const;
  absl::Status CountShares(const std::vector<int32_t>& ids, MoeLayerActivations* keep) const;

  const ModelConfig config_;
  Device& device_;
  const Kernels& kernels_;
  DispatchPipeline* const pipeline_;
  const RoutingMode mode_;
  const LearnedRouting learned_;
  FloatBuffer dnormed_, dweights_, dscores_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_MODEL_MOE_LAYER_H_
