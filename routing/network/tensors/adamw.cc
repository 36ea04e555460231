#include "routing/network/tensors/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

namespace grouter {

double LearningRateAt(const AdamWOptions& options, uint64_t step) {
  if (step < options.warmup_steps) {
    return options.learning_rate * static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  }
  const uint64_t decay_steps =
      options.num_steps > options.warmup_steps ? options.num_steps - options.warmup_steps : 1;
  const double done =
      std::min(1.0, static_cast<double>(step - options.warmup_steps) / static_cast<double>(decay_steps));
  const double cosine = 0.5 * (1 + std::cos(M_PI * done));
  return options.learning_rate * (options.final_share + (1 - options.final_share) * cosine);
}

AdamW::AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options)
    : options_(options), groups_{{options.weight_decay, {}, {}, {}, {}}, {0.0, {}, {}, {}, {}}} {
  for (at::Tensor& parameter : parameters) {
    Group& group = groups_[parameter.dim() >= 2 ? 0 : 1];
    group.means.push_back(at::zeros_like(parameter));
    group.squares.push_back(at::zeros_like(parameter));
    group.steps.push_back(at::zeros({}, at::kFloat));
    group.parameters.push_back(std::move(parameter));
  }
}

double AdamW::Step() {
  const at::NoGradGuard no_gradient;
  double sum = 0;
  for (const Group& group : groups_) {
    for (const at::Tensor& parameter : group.parameters) {
      if (!parameter.grad().defined()) continue;
      const double norm = parameter.grad().norm().item<double>();
      sum += norm * norm;
    }
  }
  const double norm = std::sqrt(sum);
  const double scale = options_.max_norm > 0 && norm > options_.max_norm ? options_.max_norm / norm : 1.0;
  const double rate = LearningRateAt(options_, step_++);
  for (Group& group : groups_) {
    std::vector<at::Tensor> parameters, gradients, means, squares, steps;
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      at::Tensor gradient = group.parameters[i].grad();
      if (!gradient.defined()) continue;
      group.parameters[i].mutable_grad() = at::Tensor();
      if (!std::isfinite(norm)) continue;
      if (scale != 1.0) gradient.mul_(scale);
      group.steps[i].add_(1);
      parameters.push_back(group.parameters[i]);
      gradients.push_back(std::move(gradient));
      means.push_back(group.means[i]);
      squares.push_back(group.squares[i]);
      steps.push_back(group.steps[i]);
    }
    if (parameters.empty()) continue;
    at::_fused_adamw_(parameters, gradients, means, squares, {}, steps, rate, options_.beta1, options_.beta2,
                      group.weight_decay, options_.eps, /*amsgrad=*/false, /*maximize=*/false);
  }
  return norm;
}

}  // namespace grouter
