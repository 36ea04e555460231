#include "tools/plan/explanation.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "io/error.h"
#include "routing/balance.h"
#include "routing/planning/placement/step_predictor.h"
#include "tools/command/terminal.h"

namespace grouter {
namespace {

using Tables = std::vector<std::shared_ptr<const RoutingTable>>;

std::vector<uint64_t> LayersOfGroups(const JobDraft& draft, size_t num_groups) {
  std::vector<uint64_t> layers(num_groups, 0);
  for (const uint32_t group : draft.model.layer_group_of_layer) ++layers[group];
  return layers;
}

// Adds up what one planner's plans of a step do. Tells `on_sample` where each sample runs and `on_load` which
// tokens each expert has.
template <typename OnSample, typename OnLoad>
absl::Status AddStep(const BatchPlanner& planner, uint64_t step, WayToRun* way, const OnSample& on_sample,
                     const OnLoad& on_load) {
  const JobDraft& draft = planner.spec().draft;
  const Placement& placement = planner.schedule().epochs[planner.schedule().EpochOf(step)].placement;
  const std::vector<uint64_t> layers = LayersOfGroups(draft, placement.size());
  for (uint32_t m = 0; m < draft.batch.num_micro_batches; ++m) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<MicroBatchPlan> plans, planner.PlanMicroBatchForAll(step, m));
    for (const MicroBatchPlan& plan : plans) {
      const uint32_t first_of_group = plan.rank / draft.ep_size * draft.ep_size;
      const uint32_t local = plan.rank % draft.ep_size;
      for (const PlannedSample& sample : plan.samples) on_sample(sample, plan.rank);
      for (const LayerGroupPlan& group : plan.layer_groups) {
        const LayerPlacement& layer = placement[group.layer_group];
        for (const ChunkPlan& chunk : group.chunks) {
          for (uint32_t to = 0; to < draft.ep_size; ++to) {
            way->rows[plan.rank][first_of_group + to] += chunk.send_splits[to] * layers[group.layer_group];
          }
          for (size_t i = 0; i < chunk.recv_counts.size(); ++i) {
            const uint32_t slot = static_cast<uint32_t>(i % layer.num_slots(local));
            way->rank_pairs[plan.rank] += chunk.recv_counts[i] * layers[group.layer_group];
            if (chunk.recv_counts[i] > 0) {
              on_load(group.layer_group, layer.ExpertAt({local, slot}), chunk.recv_counts[i]);
            }
          }
        }
      }
    }
  }
  return absl::OkStatus();
}

std::vector<HotExpert> Hottest(const std::vector<std::vector<uint64_t>>& load, const Placement& placement,
                               uint32_t num_hot) {
  std::vector<HotExpert> all;
  for (uint32_t g = 0; g < load.size(); ++g) {
    uint64_t total = 0;
    for (const uint64_t tokens : load[g]) total += tokens;
    for (uint32_t e = 0; total > 0 && e < load[g].size(); ++e) {
      HotExpert hot;
      hot.layer_group = g;
      hot.expert = e;
      hot.num_tokens = load[g][e];
      hot.of_mean =
          static_cast<double>(load[g][e]) * static_cast<double>(load[g].size()) / static_cast<double>(total);
      for (const SlotRef& ref : placement[g].SlotsOf(e)) hot.ranks.push_back(ref.rank);
      all.push_back(std::move(hot));
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const HotExpert& a, const HotExpert& b) { return a.of_mean > b.of_mean; });
  if (all.size() > num_hot) all.resize(num_hot);
  return all;
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

double BusiestOverMean(const std::vector<uint64_t>& load) {
  return 1 / Balancedness(absl::Span<const uint64_t>(load));
}

std::string Ms(uint64_t ns) { return absl::StrFormat("%.3f ms", static_cast<double>(ns) / 1e6); }

std::string CostLine(const char* name, const MoeCost& cost) {
  return absl::StrFormat("  %-12s %s: links between nodes %s, links inside a node %s, experts %s\n", name,
                         Ms(cost.total_ns()), Ms(cost.scale_out_ns), Ms(cost.scale_up_ns),
                         Ms(cost.expert_ns));
}

MoeCost PerStep(MoeCost cost, uint64_t steps) {
  cost.scale_out_ns /= steps;
  cost.scale_up_ns /= steps;
  cost.expert_ns /= steps;
  return cost;
}

// What the numbers say about where the time goes.
std::string Why(const Explanation& e) {
  const MoeCost &before = e.in_order.cost, &after = e.planned.cost;
  const auto gained = [](uint64_t a, uint64_t b) {
    return static_cast<int64_t>(a) - static_cast<int64_t>(b);
  };
  const int64_t links =
      gained(before.scale_out_ns + before.scale_up_ns, after.scale_out_ns + after.scale_up_ns);
  const int64_t experts = gained(before.expert_ns, after.expert_ns);
  if (links + experts <= 0) return "The plan gains nothing over dealing in order for these steps.\n";
  if (links >= experts) {
    return "Most of the gain is on the links: tokens find more of their experts where they are.\n";
  }
  return "Most of the gain is in the experts: the busiest rank has less to compute.\n";
}

}  // namespace

absl::StatusOr<Explanation> Explain(const BatchPlanner& planner, const Tables& tables,
                                    const std::vector<uint64_t>& steps, uint32_t num_hot,
                                    const std::function<void(uint64_t, uint64_t)>& progress) {
  GROUTER_CHECK(!steps.empty());
  GROUTER_ASSIGN_OR_RETURN(const auto in_order, MakeInOrderPlanner(planner.spec().draft, tables));
  const JobDraft& draft = planner.spec().draft;
  const StepPredictor planned_cost(draft, tables), in_order_cost(in_order->spec().draft, tables);
  const uint32_t world = draft.topology.world_size();
  Explanation e;
  e.steps = steps;
  for (WayToRun* way : {&e.in_order, &e.planned}) {
    way->rows.assign(world, std::vector<uint64_t>(world, 0));
    way->rank_pairs.assign(world, 0);
  }
  const PlacementSchedule& schedule = planner.schedule();
  e.first_epoch = schedule.EpochOf(steps.front());
  e.last_epoch = schedule.EpochOf(steps.back());
  const Placement& placement = schedule.epochs[e.last_epoch].placement;
  const Placement& contiguous = in_order->schedule().epochs[0].placement;
  std::vector<std::vector<uint64_t>> load(placement.size(),
                                          std::vector<uint64_t>(placement[0].num_experts(), 0));
  for (size_t i = 0; i < steps.size(); ++i) {
    const uint64_t step = steps[i];
    std::map<std::pair<uint32_t, uint64_t>, std::vector<uint32_t>> ranks_of;
    GROUTER_RETURN_IF_ERROR(AddStep(
        *in_order, step, &e.in_order,
        [&](const PlannedSample& sample, uint32_t rank) {
          ranks_of[{sample.table, sample.sample}].push_back(rank);
          ++e.num_samples;
          e.num_tokens += sample.length;
        },
        [](uint32_t, uint32_t, uint64_t) {}));
    GROUTER_RETURN_IF_ERROR(AddStep(
        planner, step, &e.planned,
        [&](const PlannedSample& sample, uint32_t rank) {
          // A step may hold a sample of a small split twice.
          std::vector<uint32_t>& ranks = ranks_of[{sample.table, sample.sample}];
          const auto same = std::find(ranks.begin(), ranks.end(), rank);
          if (same == ranks.end()) {
            ++e.num_samples_elsewhere;
          } else {
            ranks.erase(same);
          }
        },
        [&](uint32_t group, uint32_t expert, uint64_t tokens) { load[group][expert] += tokens; }));
    GROUTER_ASSIGN_OR_RETURN(const MoeCost before, in_order_cost.Cost(step, contiguous));
    GROUTER_ASSIGN_OR_RETURN(const MoeCost after,
                             planned_cost.Cost(step, schedule.epochs[schedule.EpochOf(step)].placement));
    e.in_order.cost += before;
    e.planned.cost += after;
    if (progress) progress(i + 1, steps.size());
  }
  for (const PlacementEpoch& epoch : schedule.epochs) {
    if (std::find(steps.begin(), steps.end(), epoch.first_step) != steps.end())
      e.num_moves += epoch.moves.size();
  }
  for (size_t g = 0; g < placement.size(); ++g) {
    e.num_placed += placement[g].num_experts();
    for (uint32_t x = 0; x < placement[g].num_experts(); ++x) {
      e.num_placed_elsewhere += placement[g].OwnerOf(x).rank != contiguous[g].OwnerOf(x).rank;
      e.num_replicas += placement[g].SlotsOf(x).size() - 1;
    }
  }
  e.hot = Hottest(load, placement, num_hot);
  return e;
}

std::string ExplanationText(const Explanation& e, const JobDraft& draft) {
  const uint64_t n = e.steps.size();
  std::string text = absl::StrCat(
      n == 1 ? absl::StrCat("Step ", e.steps[0])
             : absl::StrCat(Grouped(n), " steps, ", e.steps[0], " to ", e.steps[n - 1]),
      ": ", Grouped(e.num_samples), " samples, ", Grouped(e.num_tokens), " tokens on ",
      draft.topology.world_size(), " ranks of ", draft.topology.nodes.size(), " node(s); placement epoch ",
      e.first_epoch, e.last_epoch == e.first_epoch ? "" : absl::StrCat(" to ", e.last_epoch), ".\n");
  absl::StrAppend(&text, "Experts: ", Grouped(e.num_placed_elsewhere), " of ", Grouped(e.num_placed),
                  " live on another rank than dealt in order, ", Grouped(e.num_replicas), " further copies; ",
                  Grouped(e.num_moves), " move as an epoch begins.\n");
  if (!e.hot.empty()) text += "Hot experts (tokens, times the mean, ranks that hold it):\n";
  for (const HotExpert& hot : e.hot) {
    absl::StrAppend(
        &text, absl::StrFormat("  layer group %d, expert %d: %s, %.2f, %s %s\n", hot.layer_group, hot.expert,
                               Grouped(hot.num_tokens), hot.of_mean, hot.ranks.size() == 1 ? "rank" : "ranks",
                               absl::StrJoin(hot.ranks, ", ")));
  }
  absl::StrAppend(&text,
                  absl::StrFormat("Samples: %s of %s (%.1f %%) run on another rank than dealt in order.\n",
                                  Grouped(e.num_samples_elsewhere), Grouped(e.num_samples),
                                  Percent(e.num_samples_elsewhere, e.num_samples)));
  absl::StrAppend(&text, "Rows that leave their rank: ", Grouped(RemoteRows(e.planned.rows)), ", in order ",
                  Grouped(RemoteRows(e.in_order.rows)),
                  "; between nodes: ", Grouped(e.planned.cost.scale_out_rows), ", in order ",
                  Grouped(e.in_order.cost.scale_out_rows), ".\n");
  absl::StrAppend(
      &text, absl::StrFormat("Busiest rank: %.3f times the mean, in order %.3f.\n",
                             BusiestOverMean(e.planned.rank_pairs), BusiestOverMean(e.in_order.rank_pairs)));
  absl::StrAppend(&text, "What the cost model says of a step's MoE layers, forward and backward:\n",
                  CostLine("as planned", PerStep(e.planned.cost, n)),
                  CostLine("in order", PerStep(e.in_order.cost, n)), Why(e));
  return text;
}

std::string ExplanationJson(const Explanation& e) {
  const auto way = [](const WayToRun& run) {
    return nlohmann::json{{"predicted_ns", run.cost.total_ns()},
                          {"scale_out_ns", run.cost.scale_out_ns},
                          {"scale_up_ns", run.cost.scale_up_ns},
                          {"expert_ns", run.cost.expert_ns},
                          {"scale_out_rows", run.cost.scale_out_rows},
                          {"scale_up_rows", run.cost.scale_up_rows},
                          {"rows", run.rows},
                          {"rank_pairs", run.rank_pairs}};
  };
  nlohmann::json hot = nlohmann::json::array();
  for (const HotExpert& one : e.hot) {
    hot.push_back({{"layer_group", one.layer_group},
                   {"expert", one.expert},
                   {"tokens", one.num_tokens},
                   {"of_mean", one.of_mean},
                   {"ranks", one.ranks}});
  }
  return nlohmann::json{{"steps", e.steps},
                        {"samples", e.num_samples},
                        {"tokens", e.num_tokens},
                        {"placement_epochs", {e.first_epoch, e.last_epoch}},
                        {"moves", e.num_moves},
                        {"experts", e.num_placed},
                        {"experts_elsewhere", e.num_placed_elsewhere},
                        {"replicas", e.num_replicas},
                        {"samples_elsewhere", e.num_samples_elsewhere},
                        {"hot_experts", hot},
                        {"in_order", way(e.in_order)},
                        {"planned", way(e.planned)}}
      .dump();
}

}  // namespace grouter
