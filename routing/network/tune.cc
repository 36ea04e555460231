#include "routing/network/tune.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "io/error.h"
#include "io/json.h"
#include "routing/balance.h"
#include "routing/network/router_network.h"
#include "routing/network/tensors/adamw.h"
#include "routing/network/tensors/router_tensors.h"

namespace grouter {
namespace {

// Selections per expert over the rows of [T, E] scores.
std::vector<uint64_t> CountSelections(const at::Tensor& scores, absl::Span<const float> bias,
                                      const GateRule& gate) {
  const at::Tensor rows = scores.detach().contiguous();
  const size_t num_experts = static_cast<size_t>(rows.size(1));
  std::vector<uint64_t> load(num_experts, 0);
  std::vector<uint32_t> ids(gate.k);
  std::vector<float> weights(gate.k);
  const float* row = rows.data_ptr<float>();
  for (int64_t t = 0; t < rows.size(0); ++t, row += num_experts) {
    SelectExperts({row, num_experts}, bias, gate, absl::MakeSpan(ids), absl::MakeSpan(weights));
    for (const uint32_t id : ids) ++load[id];
  }
  return load;
}

// What changes; everything else of the router is frozen.
class Tuner {
 public:
  Tuner(const Router& router, const TuneOptions& options, uint64_t num_steps)
      : gate_(router.spec.gate),
        options_(options),
        num_steps_(num_steps),
        weight_(CopyOf(router.tensors.at(kScoreWeight))),
        bias_(router.selection_bias().begin(), router.selection_bias().end()),
        optimizer_({weight_}, OptimizerOptions(options, num_steps)) {
    if (options.method == TuneMethod::kSelectionBias) bias_.resize(router.spec.shape.num_experts, 0.0f);
  }

  // Returns the loss (MaxVio of the step for kSelectionBias).
  double Step(const at::Tensor& hidden, uint64_t step) {
    const at::Tensor scores = at::linear(hidden, weight_);
    const std::vector<uint64_t> load = CountSelections(scores, bias_, gate_);
    return options_.method == TuneMethod::kLoadBalanceLoss ? FollowLoss(scores, load) : MoveBias(load, step);
  }

  void StoreTo(Router* router) const {
    const float* values = weight_.data_ptr<float>();
    std::vector<float>& target = router->tensors.at(kScoreWeight).values;
    std::copy(values, values + target.size(), target.begin());
    if (!bias_.empty()) router->tensors[kSelectionBias] = {{bias_.size()}, bias_};
  }

 private:
  static at::Tensor CopyOf(const RouterTensor& source) {
    at::Tensor tensor = at::empty(std::vector<int64_t>(source.shape.begin(), source.shape.end()), at::kFloat);
    std::copy(source.values.begin(), source.values.end(), tensor.data_ptr<float>());
    return tensor.requires_grad_(true);
  }
  static AdamWOptions OptimizerOptions(const TuneOptions& options, uint64_t num_steps) {
    AdamWOptions adamw;
    adamw.learning_rate = options.learning_rate;
    adamw.num_steps = num_steps;
    adamw.weight_decay = 0;
    return adamw;
  }

  double FollowLoss(const at::Tensor& scores, const std::vector<uint64_t>& load) {
    const double selections = static_cast<double>(scores.size(0)) * gate_.k;
    std::vector<float> share(load.size());
    for (size_t e = 0; e < load.size(); ++e) {
      share[e] =
          static_cast<float>(static_cast<double>(load[e]) * static_cast<double>(load.size()) / selections);
    }
    const at::Tensor shares = at::from_blob(share.data(), {static_cast<int64_t>(share.size())}, at::kFloat);
    const at::Tensor loss = (at::softmax(scores, -1).mean(0) * shares).sum();
    loss.backward();
    optimizer_.Step();
    return loss.item<double>();
  }

  double MoveBias(const std::vector<uint64_t>& load, uint64_t step) {
    uint64_t sum = 0;
    for (const uint64_t l : load) sum += l;
    const float rate = static_cast<float>(options_.bias_rate *
                                          (1 - static_cast<double>(step) / static_cast<double>(num_steps_)));
    for (size_t e = 0; e < load.size(); ++e) {
      const uint64_t scaled = load[e] * load.size();
      if (scaled != sum) bias_[e] += scaled > sum ? -rate : rate;
    }
    return MaxVio(load);
  }

  const GateRule gate_;
  const TuneOptions& options_;
  const uint64_t num_steps_;
  at::Tensor weight_;  // [E, hidden]
  std::vector<float> bias_;
  AdamW optimizer_;
};

absl::Status Measure(const Router& before, const Router& after, const SampleSource& valid,
                     uint64_t max_tokens, TuneMetrics* metrics) {
  const RouterNetwork old_network(before), new_network(after);
  std::vector<uint64_t> old_load(before.spec.shape.num_experts), new_load(before.spec.shape.num_experts);
  uint64_t kept = 0, selections = 0;
  SampleTokens sample;
  for (uint64_t s = 0; s < valid.num_samples() && metrics->valid_tokens < max_tokens; ++s) {
    GROUTER_RETURN_IF_ERROR(valid.Read(s, &sample));
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes old_routes, old_network.Route(sample));
    GROUTER_ASSIGN_OR_RETURN(const SampleRoutes new_routes, new_network.Route(sample));
    for (size_t i = 0; i < old_routes.ids.size(); ++i) {
      ++old_load[old_routes.ids[i]];
      ++new_load[new_routes.ids[i]];
      const auto token = new_routes.ids.begin() + i / new_routes.k * new_routes.k;
      kept += std::find(token, token + new_routes.k, old_routes.ids[i]) != token + new_routes.k;
    }
    selections += old_routes.ids.size();
    metrics->valid_tokens += sample.tokens.size();
  }
  metrics->max_vio_before = MaxVio(old_load);
  metrics->max_vio_after = MaxVio(new_load);
  metrics->kept_share = static_cast<double>(kept) / static_cast<double>(std::max<uint64_t>(1, selections));
  return absl::OkStatus();
}

}  // namespace

std::string TuneMetrics::ToJson() const {
  const nlohmann::ordered_json json = {{"train_tokens", train_tokens},
                                       {"num_steps", num_steps},
                                       {"valid_tokens", valid_tokens},
                                       {"max_vio_before", max_vio_before},
                                       {"max_vio_after", max_vio_after},
                                       {"kept_share", kept_share},
                                       {"seconds", seconds}};
  return json.dump();
}

absl::StatusOr<TuneResult> Tune(const Router& router, const SampleSource& train, const SampleSource& valid,
                                const TuneOptions& options, const ProgressCallback& progress) {
  const auto begin = std::chrono::steady_clock::now();
  if (options.train_tokens == 0 || options.tokens_per_step == 0 || options.num_threads == 0 ||
      train.num_tokens() == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "there are no tokens or threads to tune with", "tune",
                 "give samples and token counts above 0");
  }
  TuneResult result;
  TuneMetrics& metrics = result.metrics;
  metrics.num_steps = (options.train_tokens + options.tokens_per_step - 1) / options.tokens_per_step;
  const UseThreads threads(options.num_threads);
  const RouterTensors frozen(router, /*trainable=*/false);
  Tuner tuner(router, options, metrics.num_steps);
  SampleOrder order(train.num_samples(), options.seed);
  for (uint64_t step = 0; step < metrics.num_steps; ++step) {
    std::vector<SampleTokens> samples;
    uint64_t tokens = 0;
    while (tokens < options.tokens_per_step) {
      samples.emplace_back();
      GROUTER_RETURN_IF_ERROR(train.Read(order.Next(), &samples.back()));
      GROUTER_RETURN_IF_ERROR(CheckVocabulary(samples.back(), router.spec.shape.vocab_size));
      tokens += samples.back().tokens.size();
    }
    at::Tensor hidden;
    {
      const at::NoGradGuard no_gradient;
      hidden = frozen.Hidden(MakeBatch(samples, router.spec.cross_document));
    }
    const double loss = tuner.Step(hidden, step);
    metrics.train_tokens += tokens;
    const uint64_t done = std::min((step + 1) * options.tokens_per_step, options.train_tokens);
    if (progress && !progress({"tune", done, options.train_tokens, loss})) {
      return Error(absl::StatusCode::kCancelled, "tuning was cancelled");
    }
  }
  result.router = router;
  result.router.digest = Digest();
  result.router.spec.causality_established = false;
  tuner.StoreTo(&result.router);
  GROUTER_RETURN_IF_ERROR(Measure(router, result.router, valid, options.valid_tokens, &metrics));
  metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  nlohmann::ordered_json step = {
      {"step", "tune"},
      {"method", options.method == TuneMethod::kLoadBalanceLoss ? "load_balance_loss" : "selection_bias"},
      {"seed", options.seed},
      {"metrics", ParseOrderedJson(metrics.ToJson())}};
  step["metrics"].erase("seconds");
  if (!router.digest.IsZero()) step["router"] = router.digest.Hex();
  result.router.spec.history.push_back(step.dump());
  return result;
}

}  // namespace grouter
