#include "trainer/model/moe_layer.h"

#include "io/error.h"
#include "trainer/experts/matmul.h"

namespace grouter {

MoeLayer::MoeLayer(const ModelConfig& config, Device& device, DispatchPipeline* pipeline, RoutingMode mode,
                   const LearnedRouting& learned)
    : config_(config),
      device_(device),
      kernels_(device.kernels()),
      pipeline_(pipeline),
      mode_(mode),
      learned_(learned) {}

// The host waits: what a plan makes unnecessary.
absl::StatusOr<std::vector<int32_t>> MoeLayer::ReadIds(const IndexBuffer& ids) const {
  std::vector<int32_t> values(ids.size());
  device_.Download(Stream::kCompute, values.data(), ids.data(), values.size() * sizeof(int32_t));
  GROUTER_RETURN_IF_ERROR(device_.Synchronize(device_.Record(Stream::kCompute)));
  return values;
}

absl::Status MoeLayer::CountShares(const std::vector<int32_t>& ids, MoeLayerActivations* keep) const {
  std::vector<double> counts(config_.num_experts + 1, 0);
  for (int32_t id : ids) ++counts[id];
  counts.back() = static_cast<double>(ids.size());
  GROUTER_RETURN_IF_ERROR(learned_.world->AllReduceSum(absl::MakeSpan(counts)));
  std::vector<float> share(config_.num_experts, 0.0f);
  for (uint32_t e = 0; counts.back() != 0 && e < config_.num_experts; ++e) {
    share[e] = static_cast<float>(counts[e] / counts.back());
  }
  device_.Upload(Stream::kCompute, keep->share.Resize(device_, share.size()), share.data(),
                 share.size() * sizeof(float));
  return device_.Synchronize(device_.Record(Stream::kCompute));
}

absl::Status MoeLayer::Forward(const EventPlace& place, uint32_t num_tokens, const MicroBatchRoute* route,
                               const MoeParameters& parameters, const float* x, float* y, bool train,
                               MoeLayerActivations* keep) {
  const int64_t width = config_.hidden_size;
  const int64_t num_experts = config_.num_experts;
  const int64_t k = config_.num_experts_per_tok;
  float* normed = keep->normed.Resize(device_, num_tokens * width);
  kernels_.RmsNorm({num_tokens, width, config_.rms_norm_eps, x, parameters.norm, normed,
                    keep->inverse_rms.Resize(device_, num_tokens)});
  const float* weights = route != nullptr ? route->device_weights() : nullptr;
  if (HasGate(route)) {
    float* scores = keep->scores.Resize(device_, num_tokens * num_experts);
    MatMul(device_, {normed, num_tokens, width}, {parameters.gate, width, num_experts, true}, scores);
    if (mode_ == RoutingMode::kLearned) {
      kernels_.SelectTopk(
          {num_tokens, num_experts, k, scores, nullptr, keep->ids.Resize(device_, num_tokens * k)});
      GROUTER_ASSIGN_OR_RETURN(const std::vector<int32_t> ids, ReadIds(keep->ids));
      if (train && learned_.balance_coefficient != 0) GROUTER_RETURN_IF_ERROR(CountShares(ids, keep));
      GROUTER_ASSIGN_OR_RETURN(keep->live_route,
                               RouteFromIds(ids, num_tokens, static_cast<uint32_t>(k), learned_.dispatch,
                                            *learned_.placement, *learned_.ep_group));
      route = &keep->live_route;
      if (!device_.is_host()) {
        if (keep->live_upload == nullptr) keep->live_upload = std::make_unique<IndexUpload>(device_);
        keep->live_upload->Begin();
        AddRoute(&keep->live_route, keep->live_upload.get());
        keep->live_upload->Start(Stream::kCompute);
      }
    }
    float* live = keep->weights.Resize(device_, num_tokens * k);
    kernels_.GateWeights({num_tokens, num_experts, k, scores, route->device_ids(), live});
    weights = live;
  }
  return pipeline_->Forward(place, *route, normed, weights, y, train ? &keep->experts : nullptr);
}

absl::Status MoeLayer::Backward(const EventPlace& place, uint32_t num_tokens, const MicroBatchRoute* route,
                                const MoeParameters& parameters, MoeLayerActivations* kept, const float* x,
                                const float* dy, float* dx, uint64_t num_step_tokens, StepSums* sums) {
  const int64_t width = config_.hidden_size;
  const int64_t num_experts = config_.num_experts;
  const int64_t k = config_.num_experts_per_tok;
  const bool has_gate = HasGate(route);
  if (mode_ == RoutingMode::kLearned) route = &kept->live_route;
  float* dnormed = dnormed_.ResizeZeroed(device_, num_tokens * width);
  float* dweights = dweights_.Resize(device_, num_tokens * k);
  GROUTER_RETURN_IF_ERROR(pipeline_->Backward(place, *route, kept->experts, dy, dnormed, dweights));
  if (has_gate) {
    float* dscores = dscores_.ResizeZeroed(device_, num_tokens * num_experts);
    kernels_.GateWeightsBackward(
        {num_tokens, num_experts, k, route->device_ids(), kept->weights.data(), dweights, dscores});
    if (mode_ == RoutingMode::kLearned && num_step_tokens > 0) {
      if (kept->share.size() == 0) kept->share.ResizeZeroed(device_, num_experts);
      RouterLossArgs args;
      args.num_tokens = num_tokens;
      args.num_experts = num_experts;
      args.balance_scale =
          static_cast<float>(double{learned_.balance_coefficient} * config_.num_experts / num_step_tokens);
      args.z_scale = static_cast<float>(double{learned_.z_coefficient} / num_step_tokens);
      args.scores = kept->scores.data();
      args.share = kept->share.data();
      args.dscores = dscores;
      args.balance = &sums->balance;
      args.z = &sums->z;
      kernels_.RouterLoss(args);
    }
    MatMul(device_, {dscores, num_experts, num_tokens, true}, {kept->normed.data(), num_tokens, width},
           parameters.dgate, true);
    MatMul(device_, {dscores, num_tokens, num_experts}, {parameters.gate, num_experts, width}, dnormed, true);
  }
  kernels_.RmsNormBackward(
      {num_tokens, width, x, parameters.norm, kept->inverse_rms.data(), dnormed, dx, parameters.dnorm});
  return absl::OkStatus();
}

}  // namespace grouter
