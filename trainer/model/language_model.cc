#include "trainer/model/language_model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "trainer/experts/matmul.h"

namespace grouter {

LanguageModel::LanguageModel(const LanguageModelOptions& options, const DispatchContext& context,
                             DenseParameters* parameters)
    : options_(options),
      context_(context),
      parameters_(parameters),
      tables_(RotaryTables::Make(options.config.head_size(), options.config.max_position_embeddings,
                                 options.config.rope_theta)),
      attention_(options.config, *context.kernels, tables_),
      pipeline_(context),
      moe_(options.config, *context.kernels, &pipeline_, options.mode, options.learned),
      layers_(options.config.num_hidden_layers) {}

AttentionParameters LanguageModel::AttentionOf(uint32_t layer) {
  const LayerOffsets& at = parameters_->layer(layer);
  const float* w = parameters_->weights();
  float* g = parameters_->gradients();
  return {w + at.input_norm, w + at.qkv, w + at.o, g + at.input_norm, g + at.qkv, g + at.o};
}

MoeParameters LanguageModel::MoeOf(uint32_t layer) {
  const LayerOffsets& at = parameters_->layer(layer);
  const float* w = parameters_->weights();
  float* g = parameters_->gradients();
  return {w + at.post_norm, w + at.gate, g + at.post_norm, g + at.gate};
}

const MicroBatchRoute* LanguageModel::RouteOf(uint32_t layer, const MicroBatchInput& input) const {
  if (options_.mode == RoutingMode::kLearned) return nullptr;
  const uint32_t group = options_.layer_group_of_layer.empty() ? 0 : options_.layer_group_of_layer[layer];
  return &input.routes[group];
}

const std::vector<int32_t>& LanguageModel::last_ids(uint32_t layer, const MicroBatchInput& input) const {
  const MicroBatchRoute* route = RouteOf(layer, input);
  return route != nullptr ? route->ids : layers_[layer].moe.live_route.ids;
}

absl::Status LanguageModel::Forward(const EventPlace& place, const MicroBatchInput& input, bool train) {
  const uint32_t num_tokens = input.num_tokens();
  const int64_t width = options_.config.hidden_size;
  for (uint32_t t = 0; t < num_tokens; ++t) {
    if (static_cast<uint32_t>(input.tokens[t]) >= options_.config.vocab_size) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("token id ", input.tokens[t], " in a model of ", options_.config.vocab_size),
                   absl::StrCat("step ", place.step), "set vocab_size to the tokenizer's");
    }
    if (static_cast<uint32_t>(input.positions[t]) >= options_.config.max_position_embeddings) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("position ", input.positions[t], " in a model of ",
                                options_.config.max_position_embeddings),
                   absl::StrCat("step ", place.step), "raise max_position_embeddings of the model");
    }
  }
  float* x = embedded_.Resize(num_tokens * width);
  context_.kernels->GatherRows({num_tokens, width, width, width, input.tokens.data(),
                                parameters_->weights() + parameters_->embedding(), x});
  const AttentionInput attention_input = {num_tokens, input.positions.data(), &input.segments};
  for (uint32_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    EventPlace at = place;
    at.layer = static_cast<int32_t>(l);
    float* middle = layer.middle.Resize(num_tokens * width);
    if (num_tokens > 0) std::memcpy(middle, x, num_tokens * width * sizeof(float));
    {
      const ScopedEvent event(context_.log, EventKind::kAttention, at);
      attention_.Forward(attention_input, AttentionOf(l), x, middle, &layer.attention);
    }
    float* out = layer.out.Resize(num_tokens * width);
    if (num_tokens > 0) std::memcpy(out, middle, num_tokens * width * sizeof(float));
    GROUTER_RETURN_IF_ERROR(
        moe_.Forward(at, num_tokens, RouteOf(l, input), MoeOf(l), middle, out, train, &layer.moe));
    x = out;
  }
  return absl::OkStatus();
}

double LanguageModel::Output(const EventPlace& place, const MicroBatchInput& input, float scale, bool train) {
  const ScopedEvent event(context_.log, EventKind::kOutput, place);
  const int64_t num_tokens = input.num_tokens();
  const int64_t width = options_.config.hidden_size;
  const int64_t vocab = options_.config.vocab_size;
  const float* x = layers_.back().out.data();
  const float* head = parameters_->weights() + parameters_->lm_head();
  float* dhead = parameters_->gradients() + parameters_->lm_head();
  const float* norm = parameters_->weights() + parameters_->final_norm();
  float* normed = final_normed_.Resize(num_tokens * width);
  float* inverse_rms = final_inverse_rms_.Resize(num_tokens);
  float* losses = losses_.Resize(num_tokens);
  float* dnormed = dnormed_.Resize(num_tokens * width);
  context_.kernels->RmsNorm({num_tokens, width, options_.config.rms_norm_eps, x, norm, normed, inverse_rms});
  for (int64_t first = 0; first < num_tokens; first += options_.logits_rows) {
    const int64_t rows = std::min<int64_t>(options_.logits_rows, num_tokens - first);
    float* logits = logits_.Resize(rows * vocab);
    const float* block = normed + first * width;
    MatMul({block, rows, width}, {head, width, vocab, true}, logits);
    context_.kernels->CrossEntropy(
        {rows, vocab, input.labels.data() + first, scale, train, logits, losses + first});
    if (!train) continue;
    MatMul({logits, rows, vocab}, {head, vocab, width}, dnormed + first * width);
    MatMul({logits, vocab, rows, true}, {block, rows, width}, dhead, true);
  }
  if (train) {
    float* dx = dx_.ResizeZeroed(num_tokens * width);
    context_.kernels->RmsNormBackward({num_tokens, width, x, norm, inverse_rms, dnormed, dx,
                                       parameters_->gradients() + parameters_->final_norm()});
  }
  double sum = 0;
  for (int64_t t = 0; t < num_tokens; ++t) sum += losses[t];
  return sum;
}

absl::StatusOr<LossSums> LanguageModel::Train(const EventPlace& place, const MicroBatchInput& input,
                                              const StepScale& scale) {
  GROUTER_RETURN_IF_ERROR(Forward(place, input, /*train=*/true));
  LossSums sums;
  const float inverse = scale.num_loss_tokens == 0 ? 0.0f : static_cast<float>(1.0 / scale.num_loss_tokens);
  sums.loss = Output(place, input, inverse, /*train=*/true);
  const uint32_t num_tokens = input.num_tokens();
  const int64_t width = options_.config.hidden_size;
  const AttentionInput attention_input = {num_tokens, input.positions.data(), &input.segments};
  float* dx = dx_.data();
  for (uint32_t l = static_cast<uint32_t>(layers_.size()); l-- > 0;) {
    Layer& layer = layers_[l];
    EventPlace at = place;
    at.layer = static_cast<int32_t>(l);
    at.backward = true;
    GROUTER_RETURN_IF_ERROR(moe_.Backward(at, num_tokens, RouteOf(l, input), MoeOf(l), &layer.moe,
                                          layer.middle.data(), dx, dx, scale.num_tokens, &sums.router));
    const ScopedEvent event(context_.log, EventKind::kAttention, at);
    const float* x = l == 0 ? embedded_.data() : layers_[l - 1].out.data();
    attention_.Backward(attention_input, AttentionOf(l), layer.attention, x, dx, dx);
  }
  context_.kernels->ScatterAddRows({num_tokens, width, width, width, input.tokens.data(), nullptr, dx,
                                    parameters_->gradients() + parameters_->embedding()});
  return sums;
}

absl::StatusOr<LossSums> LanguageModel::Evaluate(const EventPlace& place, const MicroBatchInput& input) {
  GROUTER_RETURN_IF_ERROR(Forward(place, input, /*train=*/false));
  LossSums sums;
  sums.loss = Output(place, input, 0.0f, /*train=*/false);
  return sums;
}

}  // namespace grouter
