#include "routing/network/router_network.h"

#include <c10/core/InferenceMode.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/network/tensors/router_tensors.h"

namespace grouter {

struct RouterNetwork::State {
  explicit State(const Router& router)
      : spec(router.spec),
        bias(router.selection_bias().begin(), router.selection_bias().end()),
        tensors(router, /*trainable=*/false) {}

  absl::StatusOr<at::Tensor> Run(const SampleTokens& sample, bool scores) const {
    GROUTER_RETURN_IF_ERROR(CheckVocabulary(sample, spec.shape.vocab_size));
    const UseThreads alone(1);
    const TokenBatch batch = MakeBatch({&sample, 1}, spec.cross_document);
    const at::Tensor hidden = tensors.Hidden(batch);
    return (scores ? tensors.Scores(hidden) : hidden).contiguous();
  }

  RouterSpec spec;
  std::vector<float> bias;
  RouterTensors tensors;
};

RouterNetwork::RouterNetwork(const Router& router) : state_(std::make_unique<State>(router)) {}
RouterNetwork::~RouterNetwork() = default;

const RouterSpec& RouterNetwork::spec() const { return state_->spec; }

absl::StatusOr<std::vector<float>> RouterNetwork::Scores(const SampleTokens& sample) const {
  if (sample.tokens.empty()) return std::vector<float>();
  const c10::InferenceMode inference;
  GROUTER_ASSIGN_OR_RETURN(const at::Tensor scores, state_->Run(sample, true));
  const float* values = scores.data_ptr<float>();
  return std::vector<float>(values, values + scores.numel());
}

absl::StatusOr<std::vector<float>> RouterNetwork::Hidden(const SampleTokens& sample) const {
  if (sample.tokens.empty()) return std::vector<float>();
  const c10::InferenceMode inference;
  GROUTER_ASSIGN_OR_RETURN(const at::Tensor hidden, state_->Run(sample, false));
  const float* values = hidden.data_ptr<float>();
  return std::vector<float>(values, values + hidden.numel());
}

absl::StatusOr<SampleRoutes> RouterNetwork::Route(const SampleTokens& sample) const {
  SampleRoutes routes;
  routes.k = state_->spec.gate.k;
  const size_t num_tokens = sample.tokens.size();
  if (num_tokens == 0) return routes;
  const c10::InferenceMode inference;
  GROUTER_ASSIGN_OR_RETURN(const at::Tensor scores, state_->Run(sample, true));
  const size_t num_experts = state_->spec.shape.num_experts;
  const float* row = scores.data_ptr<float>();
  routes.ids.resize(num_tokens * routes.k);
  routes.weights.resize(num_tokens * routes.k);
  routes.margins.resize(num_tokens);
  for (size_t t = 0; t < num_tokens; ++t, row += num_experts) {
    float sum = 0;
    for (size_t e = 0; e < num_experts; ++e) sum += row[e] * 0.0f;  // NaN when any is not finite
    if (std::isnan(sum)) {
      return Error(absl::StatusCode::kDataLoss, "the router gave scores that are not finite",
                   absl::StrCat("token ", t, " of the sample"),
                   "check the router's weights; distil it again");
    }
    routes.margins[t] = SelectExperts({row, num_experts}, state_->bias, state_->spec.gate,
                                      absl::MakeSpan(&routes.ids[t * routes.k], routes.k),
                                      absl::MakeSpan(&routes.weights[t * routes.k], routes.k));
  }
  return routes;
}

absl::Status CheckVocabulary(const SampleTokens& sample, uint32_t vocab_size) {
  for (size_t t = 0; t < sample.tokens.size(); ++t) {
    if (sample.tokens[t] >= vocab_size) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("token id ", sample.tokens[t], " is outside the vocabulary of ", vocab_size),
                   absl::StrCat("token ", t, " of the sample"),
                   "use the tokenizer that the network was made for");
    }
  }
  return absl::OkStatus();
}

}  // namespace grouter
