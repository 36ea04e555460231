#include "trainer/model/language_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "trainer/experts/matmul.h"

namespace grouter {

void AddInput(MicroBatchInput* input, IndexUpload* upload) {
  input->is_uploaded = true;
  upload->Add(input->tokens, &input->tokens_on_device);
  upload->Add(input->labels, &input->labels_on_device);
  upload->Add(input->positions, &input->positions_on_device);
  for (MicroBatchRoute& route : input->routes) AddRoute(&route, upload);
}

LanguageModel::LanguageModel(const LanguageModelOptions& options, const DispatchContext& context,
                             DenseParameters* parameters)
    : options_(options),
      context_(context),
      device_(*context.device),
      kernels_(context.device->kernels()),
      parameters_(parameters),
      attention_(options.config, device_,
                 RotaryTables::Make(options.config.head_size(), options.config.max_position_embeddings,
                                    options.config.rope_theta)),
      pipeline_(context),
      moe_(options.config, device_, &pipeline_, options.mode, options.learned),
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
  float* x = embedded_.Resize(device_, num_tokens * width);
  kernels_.GatherRows({num_tokens, width, width, width, input.device_tokens(),
                       parameters_->weights() + parameters_->embedding(), x});
  const AttentionInput attention_input = {num_tokens, input.device_positions(), &input.segments};
  for (uint32_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    EventPlace at = place;
    at.layer = static_cast<int32_t>(l);
    float* middle = layer.middle.Resize(device_, num_tokens * width);
    device_.Copy(Stream::kCompute, middle, x, num_tokens * width * sizeof(float));
    {
      const ScopedEvent event(context_.log, EventKind::kAttention, at);
      attention_.Forward(attention_input, AttentionOf(l), x, middle, &layer.attention);
    }
    float* out = layer.out.Resize(device_, num_tokens * width);
    device_.Copy(Stream::kCompute, out, middle, num_tokens * width * sizeof(float));
    GROUTER_RETURN_IF_ERROR(
        moe_.Forward(at, num_tokens, RouteOf(l, input), MoeOf(l), middle, out, train, &layer.moe));
    x = out;
  }
  return absl::OkStatus();
}

void LanguageModel::Output(const EventPlace& place, const MicroBatchInput& input, float scale, bool train,
                           StepSums* sums) {
  const ScopedEvent event(context_.log, EventKind::kOutput, place);
  const int64_t num_tokens = input.num_tokens();
  const int64_t width = options_.config.hidden_size;
  const int64_t vocab = options_.config.vocab_size;
  const float* x = layers_.back().out.data();
  const float* head = parameters_->weights() + parameters_->lm_head();
  float* dhead = parameters_->gradients() + parameters_->lm_head();
  const float* norm = parameters_->weights() + parameters_->final_norm();
  float* normed = final_normed_.Resize(device_, num_tokens * width);
  float* inverse_rms = final_inverse_rms_.Resize(device_, num_tokens);
  float* losses = losses_.Resize(device_, num_tokens);
  float* dnormed = dnormed_.Resize(device_, num_tokens * width);
  kernels_.RmsNorm({num_tokens, width, options_.config.rms_norm_eps, x, norm, normed, inverse_rms});
  for (int64_t first = 0; first < num_tokens; first += options_.logits_rows) {
    const int64_t rows = std::min<int64_t>(options_.logits_rows, num_tokens - first);
    float* logits = logits_.Resize(device_, rows * vocab);
    const float* block = normed + first * width;
    MatMul(device_, {block, rows, width}, {head, width, vocab, true}, logits);
    kernels_.CrossEntropy({rows, vocab, input.device_labels() + first, scale, train, logits, losses + first});
    if (!train) continue;
    MatMul(device_, {logits, rows, vocab}, {head, vocab, width}, dnormed + first * width);
    MatMul(device_, {logits, vocab, rows, true}, {block, rows, width}, dhead, true);
  }
  if (train) {
    float* dx = dx_.ResizeZeroed(device_, num_tokens * width);
    kernels_.RmsNormBackward({num_tokens, width, x, norm, inverse_rms, dnormed, dx,
                              parameters_->gradients() + parameters_->final_norm()});
  }
  kernels_.AddSum(num_tokens, losses, &sums->loss);
}

absl::Status LanguageModel::Train(const EventPlace& place, const MicroBatchInput& input,
                                  const StepScale& scale, StepSums* sums) {
  GROUTER_RETURN_IF_ERROR(Forward(place, input, /*train=*/true));
  const float inverse = scale.num_loss_tokens == 0 ? 0.0f : static_cast<float>(1.0 / scale.num_loss_tokens);
  Output(place, input, inverse, /*train=*/true, sums);
  const uint32_t num_tokens = input.num_tokens();
  const int64_t width = options_.config.hidden_size;
  const AttentionInput attention_input = {num_tokens, input.device_positions(), &input.segments};
  float* dx = dx_.data();
  for (uint32_t l = static_cast<uint32_t>(layers_.size()); l-- > 0;) {
    Layer& layer = layers_[l];
    EventPlace at = place;
    at.layer = static_cast<int32_t>(l);
    at.backward = true;
    GROUTER_RETURN_IF_ERROR(moe_.Backward(at, num_tokens, RouteOf(l, input), MoeOf(l), &layer.moe,
                                          layer.middle.data(), dx, dx, scale.num_tokens, sums));
    const ScopedEvent event(context_.log, EventKind::kAttention, at);
    const float* x = l == 0 ? embedded_.data() : layers_[l - 1].out.data();
    attention_.Backward(attention_input, AttentionOf(l), layer.attention, x, dx, dx);
  }
  kernels_.ScatterAddRows({num_tokens, width, width, width, input.device_tokens(), nullptr, dx,
                           parameters_->gradients() + parameters_->embedding()});
  return absl::OkStatus();
}

absl::Status LanguageModel::Evaluate(const EventPlace& place, const MicroBatchInput& input, StepSums* sums) {
  GROUTER_RETURN_IF_ERROR(Forward(place, input, /*train=*/false));
  Output(place, input, 0.0f, /*train=*/false, sums);
  return absl::OkStatus();
}

}  // namespace grouter
