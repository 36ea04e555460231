#include "trainer/pipeline/evaluator.h"

#include <algorithm>
#include <utility>

#include "io/error.h"

namespace grouter {

absl::StatusOr<Evaluation> Evaluator::Run() {
  const auto num_layers = static_cast<uint32_t>(context_.layer_group_of_layer.size());
  std::vector<std::vector<uint16_t>> routes(num_layers);
  Device& device = *context_.feed.device;
  const auto pool = std::make_shared<UploadPool>(device);
  DeviceBuffer<StepSums> losses;
  losses.ResizeZeroed(device, 1);
  Evaluation result;
  for (uint64_t step = 0; step < context_.feed.end_step; ++step) {
    GROUTER_ASSIGN_OR_RETURN(
        const std::unique_ptr<StepBatch> batch,
        StepFeed::Make(*context_.source, context_.tokens, context_.feed, step, nullptr, pool.get()));
    BeginBatch(device, *batch);
    context_.experts->Announce(step, ExpertAccesses(*batch, context_.layer_group_of_layer,
                                                    context_.experts->options().num_slots, /*train=*/false));
    result.num_loss_tokens += batch->part->num_loss_tokens;
    for (const MicroBatchInput& input : batch->micro_batches) {
      EventPlace place;
      place.step = UINT64_MAX;  // not part of any step's timeline
      GROUTER_RETURN_IF_ERROR(context_.model->Evaluate(place, input, losses.data()));
      if (!context_.compare_routes) continue;
      for (uint32_t layer = 0; layer < num_layers; ++layer) {
        std::vector<int32_t> ids = context_.model->last_ids(layer, input);
        const size_t k = input.num_tokens() == 0 ? 1 : ids.size() / input.num_tokens();
        for (size_t t = 0; t < ids.size(); t += k) std::sort(ids.begin() + t, ids.begin() + t + k);
        routes[layer].insert(routes[layer].end(), ids.begin(), ids.end());
      }
    }
  }
  // The loss, then per layer the tokens that kept their experts, then this rank's tokens.
  std::vector<double> sums(num_layers + 2, 0);
  StepSums local;
  device.Download(Stream::kCompute, &local, losses.data(), sizeof(local));
  GROUTER_RETURN_IF_ERROR(device.Synchronize(device.Record(Stream::kCompute)));
  sums[0] = local.loss;
  const bool compare = context_.compare_routes && !last_routes_.empty();
  for (uint32_t layer = 0; compare && layer < num_layers; ++layer) {
    const std::vector<uint16_t>& now = routes[layer];
    const std::vector<uint16_t>& before = last_routes_[layer];
    const size_t k = context_.feed.num_experts_per_tok;
    for (size_t i = 0; i + k <= now.size(); i += k) {
      sums[1 + layer] += std::equal(now.begin() + i, now.begin() + i + k, before.begin() + i) ? 1 : 0;
    }
    if (layer == 0) sums.back() = static_cast<double>(now.size() / k);
  }
  GROUTER_RETURN_IF_ERROR(context_.world->AllReduceSum(absl::MakeSpan(sums)));
  result.loss = result.num_loss_tokens == 0 ? 0 : sums[0] / static_cast<double>(result.num_loss_tokens);
  for (uint32_t layer = 0; compare && layer < num_layers; ++layer) {
    result.route_exact_match.push_back(sums.back() == 0 ? 0 : sums[1 + layer] / sums.back());
  }
  if (context_.compare_routes) last_routes_ = std::move(routes);
  return result;
}

}  // namespace grouter
