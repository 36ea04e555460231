#include "trainer/pipeline/step_optimizer.h"

#include <cmath>
#include <cstring>

#include "io/error.h"

namespace grouter {

void StepOptimizer::Update(int64_t size, float learning_rate, float decay, float scale, float* weights,
                           float* gradients, float* means, float* variances) const {
  AdamWArgs args;
  args.size = size;
  args.learning_rate = learning_rate;
  args.beta1 = static_cast<float>(config_.beta1);
  args.beta2 = static_cast<float>(config_.beta2);
  args.epsilon = static_cast<float>(config_.epsilon);
  args.weight_decay = decay;
  args.gradient_scale = scale;
  args.correction1 = static_cast<float>(1 - std::pow(config_.beta1, static_cast<double>(num_updates_)));
  args.correction2 = static_cast<float>(1 - std::pow(config_.beta2, static_cast<double>(num_updates_)));
  args.gradient = gradients;
  args.weight = weights;
  args.mean = means;
  args.variance = variances;
  context_.replicas.kernels->AdamW(args);
}

absl::StatusOr<StepNumbers> StepOptimizer::Apply(uint64_t step, double learning_rate,
                                                 const std::vector<const LayerPlacement*>& placement_of_layer,
                                                 const LossSums& local) {
  DenseParameters& dense = *context_.dense;
  ExpertStore& experts = *context_.replicas.experts;
  const Kernels& kernels = *context_.replicas.kernels;
  Collectives& world = *context_.world;
  const auto num_layers = static_cast<uint32_t>(placement_of_layer.size());
  const uint32_t ep_rank = context_.replicas.ep_group->rank();
  const auto dense_size = static_cast<int64_t>(dense.size());
  const auto expert_size = static_cast<int64_t>(experts.options().shape.size());
  double squares = 0;
  {
    const ScopedEvent event(context_.log, EventKind::kAllReduce, {step});
    GROUTER_RETURN_IF_ERROR(world.AllReduceSum(absl::MakeSpan(dense.gradients(), dense.size())));
    if (world.rank() == 0) kernels.AddSumOfSquares(dense_size, dense.gradients(), &squares);
    for (uint32_t layer = 0; layer < num_layers; ++layer) {
      const LayerPlacement& placement = *placement_of_layer[layer];
      GROUTER_RETURN_IF_ERROR(SumExpertGradients(context_.replicas, placement, layer));
      if (world.rank() >= placement.ep_size()) continue;
      for (uint32_t slot = 0; slot < placement.num_slots(ep_rank); ++slot) {
        const uint32_t expert = placement.ExpertAt({ep_rank, slot});
        if (expert == kEmptySlot || !(placement.OwnerOf(expert) == SlotRef{ep_rank, slot})) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, experts.Acquire({layer, slot}));
        kernels.AddSumOfSquares(expert_size, page.gradients, &squares);
        experts.Release({layer, slot}, false);
      }
    }
  }
  double sums[4] = {squares, local.loss, local.router.balance, local.router.z};
  GROUTER_RETURN_IF_ERROR(world.AllReduceSum(absl::MakeSpan(sums)));
  StepNumbers numbers;
  numbers.loss_sum = sums[1];
  numbers.router = {sums[2], sums[3]};
  numbers.gradient_norm = std::sqrt(sums[0]);
  numbers.applied = std::isfinite(numbers.gradient_norm) && std::isfinite(numbers.loss_sum);
  double scale = 1;
  if (config_.clip_norm > 0 && numbers.gradient_norm > config_.clip_norm) {
    scale = config_.clip_norm / numbers.gradient_norm;
  }
  const ScopedEvent event(context_.log, EventKind::kOptimizer, {step});
  const auto rate = static_cast<float>(learning_rate);
  const auto decay = static_cast<float>(config_.weight_decay);
  const auto factor = static_cast<float>(scale);
  if (numbers.applied) {
    ++num_updates_;
    const auto decaying = static_cast<int64_t>(dense.num_decaying());
    Update(decaying, rate, decay, factor, dense.weights(), dense.gradients(), dense.means(),
           dense.variances());
    Update(dense_size - decaying, rate, 0, factor, dense.weights() + decaying, dense.gradients() + decaying,
           dense.means() + decaying, dense.variances() + decaying);
  }
  std::memset(dense.gradients(), 0, dense.size() * sizeof(float));
  for (uint32_t layer = num_layers; layer-- > 0;) {
    const LayerPlacement& placement = *placement_of_layer[layer];
    for (uint32_t slot = placement.num_slots(ep_rank); slot-- > 0;) {
      if (placement.ExpertAt({ep_rank, slot}) == kEmptySlot) continue;
      GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, experts.Acquire({layer, slot}));
      if (numbers.applied) {
        Update(expert_size, rate, decay, factor, page.weights, page.gradients, page.means, page.variances);
      }
      std::memset(page.gradients, 0, expert_size * sizeof(float));
      experts.Release({layer, slot}, true);
    }
  }
  return numbers;
}

}  // namespace grouter
