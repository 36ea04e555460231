#include "routing/planning/placement/step_predictor.h"

#include <utility>

#include "io/error.h"

namespace grouter {

StepPredictor::StepPredictor(const JobDraft& draft, std::vector<std::shared_ptr<const RoutingTable>> tables)
    : draft_(draft),
      world_(WorldShape::Of(draft.topology, draft.ep_size)),
      samples_(draft, std::move(tables)) {}

absl::StatusOr<MoeCost> StepPredictor::Cost(uint64_t step, const TrafficModel& model) const {
  GROUTER_ASSIGN_OR_RETURN(const std::vector<SampleRef> refs, samples_.OfStep(step));
  const uint64_t count = refs.size(), parts = draft_.batch.num_micro_batches;
  MoeCost cost;
  for (uint64_t m = 0; m < parts; ++m) {
    std::vector<TrafficSample> samples;
    for (uint64_t i = count * m / parts; i < count * (m + 1) / parts; ++i) {
      const RoutingTable& table = *samples_.tables()[refs[i].table];
      TrafficSample sample;
      sample.table = refs[i].table;
      sample.sample = refs[i].sample;
      sample.facts = table.facts(refs[i].sample);
      for (uint32_t l = 0; l < model.num_layer_groups(); ++l) {
        GROUTER_ASSIGN_OR_RETURN(RouteView view, table.Routes(refs[i].sample, l));
        sample.routes.push_back(view);
      }
      samples.push_back(std::move(sample));
    }
    GROUTER_ASSIGN_OR_RETURN(const auto traffic, MicroBatchTraffic::Make(model, std::move(samples), 1));
    cost += PredictMicroBatchCost(model, *traffic);
  }
  return cost;
}

absl::StatusOr<MoeCost> StepPredictor::Cost(uint64_t step, const Placement& placement) const {
  return Cost(step, TrafficModel(draft_, world_, placement));
}

absl::StatusOr<uint64_t> StepPredictor::MeanStepNs(const std::vector<uint64_t>& steps,
                                                   const Placement& placement) const {
  GROUTER_CHECK(!steps.empty());
  const TrafficModel model(draft_, world_, placement);
  uint64_t total = 0;
  for (const uint64_t step : steps) {
    GROUTER_ASSIGN_OR_RETURN(const MoeCost cost, Cost(step, model));
    total += cost.total_ns();
  }
  return total / steps.size();
}

}  // namespace grouter
