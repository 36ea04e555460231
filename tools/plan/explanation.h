// What the plans of some steps do and what they save, as numbers: for `grouter plan explain` and `plan
// report`.
#ifndef GROUTER_TOOLS_PLAN_EXPLANATION_H_
#define GROUTER_TOOLS_PLAN_EXPLANATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/batch/cost_model.h"
#include "routing/planning/batch_planner.h"
#include "tools/plan/traffic.h"

namespace grouter {

struct HotExpert {
  uint32_t layer_group = 0;
  uint32_t expert = 0;
  uint64_t num_tokens = 0;
  double of_mean = 0;           // tokens / mean over the layer group's experts
  std::vector<uint32_t> ranks;  // group ranks that hold it, the owner first
};

// One way to run the steps: as planned, or with experts and samples dealt in order.
struct WayToRun {
  MoeCost cost;                      // of all the steps together
  TrafficMatrix rows;                // between world ranks
  std::vector<uint64_t> rank_pairs;  // [world rank] (token, expert) pairs computed, every layer
};

struct Explanation {
  std::vector<uint64_t> steps;
  uint64_t num_samples = 0;
  uint64_t num_tokens = 0;
  uint32_t first_epoch = 0, last_epoch = 0;  // placement epochs of the steps
  uint64_t num_moves = 0;                    // of experts, at epochs that begin within the steps
  uint64_t num_placed = 0;                   // (layer group, expert)
  uint64_t num_placed_elsewhere = 0;         // whose owner is on another rank than dealt in order
  uint64_t num_replicas = 0;                 // slots beyond one an expert
  uint64_t num_samples_elsewhere = 0;        // that run on another rank than dealt in order
  std::vector<HotExpert> hot;                // the hottest first
  WayToRun in_order, planned;
};

// `steps` not empty, each below planner.num_steps(); `tables` in the job's order. `progress` is told steps.
// Errors are the planner's.
absl::StatusOr<Explanation> Explain(const BatchPlanner& planner,
                                    const std::vector<std::shared_ptr<const RoutingTable>>& tables,
                                    const std::vector<uint64_t>& steps, uint32_t num_hot,
                                    const std::function<void(uint64_t, uint64_t)>& progress = {});

// Sentences, one fact a line.
std::string ExplanationText(const Explanation& explanation, const JobDraft& draft);
std::string ExplanationJson(const Explanation& explanation);

}  // namespace grouter

#endif  // GROUTER_TOOLS_PLAN_EXPLANATION_H_
