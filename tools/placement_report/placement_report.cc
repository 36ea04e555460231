#include "tools/placement_report/placement_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "routing/balance.h"
#include "tools/command/terminal.h"
#include "tools/placement_report/assets.h"
#include "tools/report/offline_page.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

uint64_t NumBins(uint64_t num_experts) { return std::min<uint64_t>(num_experts, kMostBins); }

// Experts by the rank of their owner, then by id; and how many each rank owns.
std::vector<uint32_t> PositionByRank(const LayerPlacement& layer, std::vector<uint32_t>* owned) {
  std::vector<uint32_t> order(layer.num_experts()), position(layer.num_experts());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return layer.OwnerOf(a).rank < layer.OwnerOf(b).rank; });
  owned->assign(layer.ep_size(), 0);
  for (uint32_t i = 0; i < order.size(); ++i) {
    position[order[i]] = i;
    ++(*owned)[layer.OwnerOf(order[i]).rank];
  }
  return position;
}

// The bins at which each rank's experts end.
std::vector<double> Borders(const std::vector<uint32_t>& owned, uint64_t num_experts) {
  std::vector<double> borders;
  double sum = 0;
  for (const uint32_t count : owned) {
    sum += count;
    borders.push_back(sum * static_cast<double>(NumBins(num_experts)) / static_cast<double>(num_experts));
  }
  return borders;
}

Json Coactivation(const PlacementReportInputs& inputs, const LayerPlacement& layer) {
  const auto& pairs = inputs.statistics->pairs;
  const LayerPlacement contiguous = LayerPlacement::Contiguous(layer.num_experts(), layer.ep_size());
  std::vector<uint32_t> owned_before, owned_after;
  const std::vector<uint32_t> before = PositionByRank(contiguous, &owned_before);
  const std::vector<uint32_t> after = PositionByRank(layer, &owned_after);
  return {
      {"before", BinPairs(pairs, before)},
      {"after", BinPairs(pairs, after)},
      {"before_borders", Borders(owned_before, layer.num_experts())},
      {"after_borders", Borders(owned_after, layer.num_experts())},
      {"note",
       absl::StrFormat(
           "Darker: active in the same token more often. Framed: experts of one rank. In order %.1f "
           "%% of co-activations find both experts on one rank, as placed %.1f %% (layer group %d).",
           100 * ShareOnOneRank(pairs, contiguous), 100 * ShareOnOneRank(pairs, layer), inputs.layer_group)}};
}

Json Slots(const PlacementReportInputs& inputs, const LayerPlacement& layer) {
  const auto& load = inputs.statistics->load;
  const double total = static_cast<double>(std::accumulate(load.begin(), load.end(), uint64_t{0}));
  Json ranks = Json::array();
  for (uint32_t rank = 0; rank < layer.ep_size(); ++rank) {
    Json slots = Json::array();
    for (uint32_t slot = 0; slot < layer.num_slots(rank); ++slot) {
      const uint32_t expert = layer.ExpertAt({rank, slot});
      if (expert == kEmptySlot) {
        slots.push_back(nullptr);
        continue;
      }
      const double of_mean =
          total == 0 ? 0 : static_cast<double>(load[expert]) * static_cast<double>(load.size()) / total;
      slots.push_back({{"expert", expert},
                       {"of_mean", of_mean},
                       {"copy", !(layer.OwnerOf(expert) == SlotRef{rank, slot})}});
    }
    ranks.push_back(std::move(slots));
  }
  return {
      {"ranks", ranks},
      {"note", absl::StrFormat("The experts of each rank in layer group %d; darker: more of the run's load. "
                               "Outlined in red: a further copy of a hot expert.",
                               inputs.layer_group)}};
}

Json Traffic(const Explanation& e) {
  const uint64_t before = RemoteRows(e.in_order.rows), after = RemoteRows(e.planned.rows);
  const double change = before == 0 ? 0
                                    : 100 * (static_cast<double>(after) - static_cast<double>(before)) /
                                          static_cast<double>(before);
  return {{"unit", "rows"},
          {"before", e.in_order.rows},
          {"after", e.planned.rows},
          {"note",
           absl::StrFormat("Rows that the tokens of %s steps send, all layers together. Dashed: stays on its "
                           "rank. Between ranks: %s in order, %s as planned (%+.1f %%).",
                           Grouped(e.steps.size()), Grouped(before), Grouped(after), change)}};
}

double BusiestOverMean(const std::vector<uint64_t>& load) {
  return 1 / Balancedness(absl::Span<const uint64_t>(load));
}

Json Load(const Explanation& e) {
  return {{"before", e.in_order.rank_pairs},
          {"after", e.planned.rank_pairs},
          {"note",
           absl::StrFormat("(Token, expert) pairs that each rank computes, as a multiple of the mean. The "
                           "busiest rank: %.3f in order, %.3f as planned.",
                           BusiestOverMean(e.in_order.rank_pairs), BusiestOverMean(e.planned.rank_pairs))}};
}

Json Verdict(const Explanation& e) {
  const double before = static_cast<double>(e.in_order.cost.total_ns());
  const double after = static_cast<double>(e.planned.cost.total_ns());
  const double steps = static_cast<double>(e.steps.size()) * 1e6;
  return {absl::StrFormat(
      "The cost model expects %.3f ms a step in the MoE layers, %.3f ms with experts and samples "
      "dealt in order (%+.1f %%).",
      after / steps, before / steps, before == 0 ? 0 : 100 * (after - before) / before)};
}

}  // namespace

std::vector<std::vector<uint64_t>> BinPairs(const std::vector<CoactivationPair>& pairs,
                                            const std::vector<uint32_t>& position) {
  const uint64_t experts = position.size(), bins = NumBins(experts);
  std::vector<std::vector<uint64_t>> sums(bins, std::vector<uint64_t>(bins, 0));
  for (const CoactivationPair& pair : pairs) {
    const uint64_t a = position[pair.a] * bins / experts, b = position[pair.b] * bins / experts;
    sums[a][b] += pair.count;
    if (a != b) sums[b][a] += pair.count;
  }
  return sums;
}

double ShareOnOneRank(const std::vector<CoactivationPair>& pairs, const LayerPlacement& layer) {
  uint64_t together = 0, all = 0;
  for (const CoactivationPair& pair : pairs) {
    all += pair.count;
    const auto a = layer.SlotsOf(pair.a), b = layer.SlotsOf(pair.b);
    const bool met = std::any_of(a.begin(), a.end(), [&](SlotRef mine) {
      return std::any_of(b.begin(), b.end(), [&](SlotRef other) { return mine.rank == other.rank; });
    });
    if (met) together += pair.count;
  }
  return all == 0 ? 0 : static_cast<double>(together) / static_cast<double>(all);
}

std::string PlacementReportPage(const PlacementReportInputs& inputs) {
  const LayerPlacement& layer = (*inputs.placement)[inputs.layer_group];
  const Explanation& e = *inputs.explanation;
  const JobDraft& draft = inputs.spec->draft;
  Json data = {{"title", inputs.title},
               {"subtitle", absl::StrCat("Job ", inputs.spec->digest().ShortHex(), ": ", layer.num_experts(),
                                         " experts on EP groups of ", draft.ep_size, " ranks, ",
                                         draft.topology.world_size(), " ranks on ",
                                         draft.topology.nodes.size(), " node(s)")},
               {"verdict", Verdict(e)},
               {"placement", Slots(inputs, layer)},
               {"traffic", Traffic(e)},
               {"load", Load(e)},
               {"text", ExplanationText(e, draft)}};
  if (!inputs.statistics->pairs.empty()) data["coactivation"] = Coactivation(inputs, layer);
  return OfflinePage(inputs.title, kPlacementBody, kPlacementJs,
                     data.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace grouter
