#include "trainer/pipeline/step_optimizer.h"

#include <new>

#include "io/error.h"

namespace grouter {

StepOptimizer::StepOptimizer(const OptimizerConfig& config, const StepOptimizerContext& context)
    : config_(config), context_(context), device_(context.dense->device()) {
  sums_.ResizeZeroed(device_, 1);
  decision_.ResizeZeroed(device_, 1);
  numbers_ = new (device_.AllocateHost(2 * sizeof(Numbers))) Numbers[2];
}

StepOptimizer::~StepOptimizer() {
  for (const DeviceEventPtr& copied : copied_)
    device_.Synchronize(copied).IgnoreError();  // it may be written to
  device_.FreeHost(numbers_);
}

absl::Status StepOptimizer::set_num_updates(uint64_t n) {
  num_updates_ = n;
  UpdateDecision decision;
  decision.num_updates = static_cast<int64_t>(n);
  device_.Upload(Stream::kCompute, decision_.data(), &decision, sizeof(decision));
  return device_.Synchronize(device_.Record(Stream::kCompute));
}

void StepOptimizer::Update(int64_t size, float learning_rate, float decay, float* weights, float* gradients,
                           float* means, float* variances) const {
  AdamWArgs args;
  args.size = size;
  args.learning_rate = learning_rate;
  args.beta1 = static_cast<float>(config_.beta1);
  args.beta2 = static_cast<float>(config_.beta2);
  args.epsilon = static_cast<float>(config_.epsilon);
  args.weight_decay = decay;
  args.decision = decision_.data();
  args.gradient = gradients;
  args.weight = weights;
  args.mean = means;
  args.variance = variances;
  device_.kernels().AdamW(args);
  device_.Zero(Stream::kCompute, gradients, static_cast<uint64_t>(size) * sizeof(float));
}

absl::Status StepOptimizer::Launch(uint64_t step, double learning_rate,
                                   const std::vector<const LayerPlacement*>& placement_of_layer) {
  DenseParameters& dense = *context_.dense;
  ExpertStore& experts = *context_.replicas.experts;
  const Kernels& kernels = device_.kernels();
  Collectives& world = *context_.world;
  StepSums& sums = *sums_.data();
  const auto num_layers = static_cast<uint32_t>(placement_of_layer.size());
  const uint32_t ep_rank = context_.replicas.ep_group->rank();
  const auto dense_size = static_cast<int64_t>(dense.size());
  const auto expert_size = static_cast<int64_t>(experts.options().shape.size());
  const auto reduce = [&](auto values) {
    const DeviceScope scope(device_);
    return world.AllReduceSum(values, MemoryKind::kDevice);
  };
  {
    const ScopedEvent event(context_.log, EventKind::kAllReduce, {step});
    GROUTER_RETURN_IF_ERROR(reduce(absl::MakeSpan(dense.gradients(), dense.size())));
    if (world.rank() == 0) kernels.AddSumOfSquares(dense_size, dense.gradients(), &sums.squares);
    for (uint32_t layer = 0; layer < num_layers; ++layer) {
      const LayerPlacement& placement = *placement_of_layer[layer];
      GROUTER_RETURN_IF_ERROR(SumExpertGradients(context_.replicas, placement, layer));
      if (world.rank() >= placement.ep_size()) continue;
      for (uint32_t slot = 0; slot < placement.num_slots(ep_rank); ++slot) {
        const uint32_t expert = placement.ExpertAt({ep_rank, slot});
        if (expert == kEmptySlot || !(placement.OwnerOf(expert) == SlotRef{ep_rank, slot})) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, experts.Acquire({layer, slot}));
        kernels.AddSumOfSquares(expert_size, page.gradients, &sums.squares);
        experts.Release({layer, slot}, false);
      }
    }
  }
  GROUTER_RETURN_IF_ERROR(reduce(absl::MakeSpan(&sums.squares, sizeof(StepSums) / sizeof(double))));
  const ScopedEvent event(context_.log, EventKind::kOptimizer, {step});
  DecideUpdateArgs decide;
  decide.clip_norm = config_.clip_norm;
  decide.beta1 = config_.beta1;
  decide.beta2 = config_.beta2;
  decide.squares = &sums.squares;
  decide.loss = &sums.loss;
  decide.decision = decision_.data();
  kernels.DecideUpdate(decide);
  const auto rate = static_cast<float>(learning_rate);
  const auto decay = static_cast<float>(config_.weight_decay);
  const auto decaying = static_cast<int64_t>(dense.num_decaying());
  Update(decaying, rate, decay, dense.weights(), dense.gradients(), dense.means(), dense.variances());
  Update(dense_size - decaying, rate, 0, dense.weights() + decaying, dense.gradients() + decaying,
         dense.means() + decaying, dense.variances() + decaying);
  for (uint32_t layer = num_layers; layer-- > 0;) {
    const LayerPlacement& placement = *placement_of_layer[layer];
    for (uint32_t slot = placement.num_slots(ep_rank); slot-- > 0;) {
      if (placement.ExpertAt({ep_rank, slot}) == kEmptySlot) continue;
      GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, experts.Acquire({layer, slot}));
      Update(expert_size, rate, decay, page.weights, page.gradients, page.means, page.variances);
      experts.Release({layer, slot}, true);
    }
  }
  GROUTER_CHECK(num_uncollected() < 2);
  const uint64_t slot = num_launched_++ % 2;
  Numbers& numbers = numbers_[slot];
  device_.Download(Stream::kCompute, &numbers.sums, sums_.data(), sizeof(StepSums));
  device_.Download(Stream::kCompute, &numbers.decision, decision_.data(), sizeof(UpdateDecision));
  if (context_.mismatch != nullptr) {
    device_.Download(Stream::kCompute, &numbers.mismatch, context_.mismatch, sizeof(int32_t));
  }
  device_.Zero(Stream::kCompute, sums_.data(), sizeof(StepSums));
  copied_[slot] = device_.Record(Stream::kCompute);
  return absl::OkStatus();
}

absl::StatusOr<StepNumbers> StepOptimizer::Collect() {
  GROUTER_CHECK(num_uncollected() > 0);
  const uint64_t slot = num_collected_++ % 2;
  GROUTER_RETURN_IF_ERROR(device_.Synchronize(copied_[slot]));
  const Numbers& copied = numbers_[slot];
  if (copied.mismatch != 0) {
    return Error(absl::StatusCode::kInternal, "received rows do not carry the pairs that were announced",
                 "dispatch", "give all ranks plans of one job");
  }
  num_updates_ = static_cast<uint64_t>(copied.decision.num_updates);
  StepNumbers numbers;
  numbers.loss_sum = copied.sums.loss;
  numbers.balance_loss = copied.sums.balance;
  numbers.z_loss = copied.sums.z;
  numbers.gradient_norm = copied.decision.gradient_norm;
  numbers.applied = copied.decision.applied != 0;
  return numbers;
}

}  // namespace grouter
