#include "routing/planning/placement/place_experts.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/batch/memory_model.h"
#include "routing/planning/grouping/sample_clusters.h"
#include "routing/planning/job_check.h"
#include "routing/planning/placement/grouping.h"
#include "routing/planning/placement/replicate.h"
#include "routing/planning/placement/step_predictor.h"
#include "routing/planning/placement/token_grouping.h"
#include "routing/planning/problems.h"

namespace grouter {
namespace {

using Tables = std::vector<std::shared_ptr<const RoutingTable>>;

// Blended by the weights the tables have per token, in parts of 2^20, so that a small table used much counts.
absl::StatusOr<LayerGroupStatistics> BlendStatistics(const JobDraft& draft, const Tables& tables,
                                                     uint32_t layer_group) {
  LayerGroupStatistics sum;
  sum.load.assign(tables[0]->header().num_experts, 0);
  std::vector<CoactivationPair> pairs;
  for (size_t t = 0; t < tables.size(); ++t) {
    GROUTER_ASSIGN_OR_RETURN(const LayerGroupStatistics one, tables[t]->Statistics(layer_group));
    unsigned __int128 scale = 1, parts = 1;
    if (tables.size() > 1) {
      scale = static_cast<unsigned __int128>(draft.tables[t].weight) << 40;
      parts = std::max<uint64_t>(one.num_tokens, 1);
    }
    const auto scaled = [&](uint64_t count) {
      return static_cast<uint64_t>(count * scale / parts) >> (tables.size() > 1 ? 20 : 0);
    };
    for (size_t e = 0; e < sum.load.size(); ++e) sum.load[e] += scaled(one.load[e]);
    for (const CoactivationPair& pair : one.pairs) pairs.push_back({pair.a, pair.b, scaled(pair.count)});
  }
  std::sort(pairs.begin(), pairs.end(), [](const CoactivationPair& a, const CoactivationPair& b) {
    return a.a != b.a ? a.a < b.a : a.b < b.b;
  });
  for (const CoactivationPair& pair : pairs) {
    if (!sum.pairs.empty() && sum.pairs.back().a == pair.a && sum.pairs.back().b == pair.b) {
      sum.pairs.back().count += pair.count;
    } else {
      sum.pairs.push_back(pair);
    }
  }
  return sum;
}

void AddStatistics(const LayerGroupStatistics& from, uint64_t times, LayerGroupStatistics* to) {
  if (to->load.empty()) to->load.assign(from.load.size(), 0);
  for (size_t e = 0; e < from.load.size(); ++e) to->load[e] += times * from.load[e];
  for (const CoactivationPair& pair : from.pairs) to->pairs.push_back({pair.a, pair.b, times * pair.count});
}

// Slots of each rank of the group, in number: what the job says, or as few as hold all experts.
std::vector<uint32_t> SlotCounts(const JobDraft& draft, uint32_t num_experts) {
  if (draft.model.num_slots_per_rank > 0) {
    return std::vector<uint32_t>(draft.ep_size, draft.model.num_slots_per_rank);
  }
  std::vector<uint32_t> slots(draft.ep_size, num_experts / draft.ep_size);
  for (uint32_t r = 0; r < num_experts % draft.ep_size; ++r) ++slots[r];
  return slots;
}

GroupingProblem ProblemOf(const JobDraft& draft, const LayerGroupStatistics& statistics, double load_cap) {
  GroupingProblem problem;
  problem.load = statistics.load;
  problem.pairs = statistics.pairs;
  const uint32_t num_experts = static_cast<uint32_t>(statistics.load.size());
  problem.capacity.assign(draft.ep_size, num_experts / draft.ep_size);
  for (uint32_t r = 0; r < num_experts % draft.ep_size; ++r) ++problem.capacity[r];
  const EpGroup group = EpGroupsOf(draft.topology, draft.ep_size)[0];
  problem.node_of_rank = group.block_of_rank;
  // A row kept on its rank saves the scale-up link, one kept on its node the difference to scale-out.
  const TopologyNode& node = draft.topology.nodes[group.node_of_block[0]];
  const uint64_t ratio =
      node.scale_up.bytes_per_second / std::max<uint64_t>(node.scale_out.bytes_per_second, 1);
  problem.node_worth = group.num_blocks() > 1 ? std::min<uint64_t>(std::max<uint64_t>(ratio, 1), 64) : 0;
  uint64_t total = 0;
  for (uint64_t load : problem.load) total += load;
  const uint64_t thousandths = static_cast<uint64_t>(std::max(load_cap, 1.0) * 1000 + 0.5);
  problem.load_limit =
      static_cast<uint64_t>(static_cast<unsigned __int128>(total) * thousandths / (1000 * draft.ep_size));
  return problem;
}

absl::StatusOr<LayerPlacement> WithReplicas(const JobDraft& draft, const std::vector<uint64_t>& load,
                                            const std::vector<uint32_t>& rank_of_expert) {
  const uint32_t num_experts = static_cast<uint32_t>(load.size());
  std::vector<std::vector<uint32_t>> slots(draft.ep_size);
  for (uint32_t e = 0; e < num_experts; ++e) slots[rank_of_expert[e]].push_back(e);
  const std::vector<uint32_t> counts = SlotCounts(draft, num_experts);
  AddReplicas(load, counts, &slots);
  for (uint32_t r = 0; r < draft.ep_size; ++r) slots[r].resize(counts[r], kEmptySlot);
  return LayerPlacement::Make(num_experts, slots);
}

// Up to `count` samples of the job, spread evenly over its steps.
absl::StatusOr<std::vector<SampleRef>> SpreadSamples(const JobSamples& samples, uint64_t count) {
  constexpr uint64_t kSteps = 64;
  const uint64_t steps = std::min(kSteps, samples.num_steps());
  std::vector<SampleRef> chosen;
  for (uint64_t i = 0; i < steps; ++i) {
    GROUTER_ASSIGN_OR_RETURN(const std::vector<SampleRef> refs,
                             samples.OfStep(samples.num_steps() * i / steps));
    const size_t share = std::min<size_t>((count + steps - 1) / steps, refs.size());
    for (size_t s = 0; s < share; ++s) chosen.push_back(refs[refs.size() * s / share]);
  }
  return chosen;
}

// Tokens of those samples in `layer_groups`, as many bits as 256 MiB hold, and 64 Ki tokens at most.
absl::StatusOr<TokenSets> ReadTokens(const JobSamples& samples, const std::vector<SampleRef>& refs,
                                     const std::vector<uint32_t>& layer_groups, uint32_t num_experts) {
  const uint64_t tokens = std::min<uint64_t>(65536, (uint64_t{1} << 31) / num_experts);
  const uint64_t each =
      std::max<uint64_t>(tokens / std::max<size_t>(refs.size(), 1) / layer_groups.size(), 16);
  TokenSets sets(num_experts);
  for (const SampleRef& ref : refs) {
    for (uint32_t l : layer_groups) {
      GROUTER_ASSIGN_OR_RETURN(const RouteView view, samples.tables()[ref.table]->Routes(ref.sample, l));
      sets.AddSample(view, static_cast<uint32_t>(each));
    }
  }
  return sets;
}

absl::StatusOr<SampleCounts> ReadCounts(const JobSamples& samples, const std::vector<SampleRef>& refs,
                                        const std::vector<uint32_t>& layer_groups) {
  SampleCounts counts;
  std::vector<ExpertCount> sample, all;
  for (const SampleRef& ref : refs) {
    all.clear();
    for (uint32_t l : layer_groups) {
      GROUTER_RETURN_IF_ERROR(samples.tables()[ref.table]->ExpertCounts(ref.sample, l, &sample));
      all.insert(all.end(), sample.begin(), sample.end());
    }
    counts.Add(all);
  }
  return counts;
}

absl::Status CheckMemory(const JobDraft& draft, const Placement& placement) {
  Problems problems;
  for (uint32_t w = 0; w < draft.topology.world_size(); ++w) {
    const TopologyNode& node = draft.topology.nodes[draft.topology.NodeOf(w)];
    const uint64_t needed = ExpertBytes(draft.model, placement, w % draft.ep_size);
    if (node.memory_bytes == 0 || needed <= node.memory_bytes) continue;
    problems.Add(absl::StrCat("the experts of rank ", w, " take ", needed, " bytes of ", node.memory_bytes),
                 "use more ranks, fewer slots, or num_resident_experts");
    break;
  }
  return problems.ToStatus(absl::StatusCode::kFailedPrecondition, "placement");
}

// Affinity bought with imbalance pays only where links are slow, so the search runs under this many caps
// between even and the one allowed; the predicted time decides.
constexpr uint64_t kNumCaps = 4;

// The predicted time is the mean of the job's first steps.
constexpr uint64_t kPredictedSteps = 2;

constexpr uint64_t kTokenSamples = 256;     // whose tokens the search reads
constexpr uint64_t kClusterSamples = 2048;  // whose expert counts the paper's pipeline clusters

// Collects placements and keeps the one of least predicted time.
class Chooser {
 public:
  Chooser(const JobDraft& draft, const StepPredictor& predictor, uint32_t layer_groups)
      : draft_(draft), predictor_(predictor), layer_groups_(layer_groups) {
    steps_.resize(std::min(kPredictedSteps, predictor.samples().num_steps()));
    std::iota(steps_.begin(), steps_.end(), 0);
  }

  // `ranks`: [groupings][experts], one for each layer group or one for all.
  absl::Status Offer(const std::vector<LayerGroupStatistics>& statistics,
                     const std::vector<std::vector<uint32_t>>& ranks, PlacementSchedule* schedule) {
    Placement placement;
    for (size_t l = 0; l < ranks.size(); ++l) {
      GROUTER_ASSIGN_OR_RETURN(LayerPlacement layer, WithReplicas(draft_, statistics[l].load, ranks[l]));
      placement.push_back(std::move(layer));
    }
    placement.resize(layer_groups_, placement.back());
    GROUTER_RETURN_IF_ERROR(CheckMemory(draft_, placement));
    GROUTER_ASSIGN_OR_RETURN(const uint64_t predicted, predictor_.MeanStepNs(steps_, placement));
    if (any_ && predicted >= schedule->predicted_step_ns) return absl::OkStatus();
    any_ = true;
    schedule->predicted_step_ns = predicted;
    schedule->epochs[0].placement = std::move(placement);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> MeanStepNs(const Placement& placement) const {
    return predictor_.MeanStepNs(steps_, placement);
  }

 private:
  const JobDraft& draft_;
  const StepPredictor& predictor_;
  const uint32_t layer_groups_;
  std::vector<uint64_t> steps_;
  bool any_ = false;
};

}  // namespace

absl::StatusOr<PlacementSchedule> PlaceExperts(const JobDraft& draft, const Tables& tables,
                                               const PlaceOptions& options) {
  GROUTER_RETURN_IF_ERROR(CheckTables(draft, tables));
  const uint32_t groups = tables[0]->header().num_layer_groups;
  const uint32_t num_experts = tables[0]->header().num_experts;
  std::vector<uint64_t> layers(groups, 0);
  for (uint32_t group : draft.model.layer_group_of_layer) ++layers[group];
  std::vector<LayerGroupStatistics> statistics;
  LayerGroupStatistics whole;
  for (uint32_t l = 0; l < groups; ++l) {
    GROUTER_ASSIGN_OR_RETURN(LayerGroupStatistics one, BlendStatistics(draft, tables, l));
    if (!options.one_grouping_per_layer_group) AddStatistics(one, layers[l], &whole);
    statistics.push_back(std::move(one));
  }
  if (!options.one_grouping_per_layer_group) statistics.assign(1, std::move(whole));

  // The layer groups of each grouping.
  std::vector<std::vector<uint32_t>> layer_groups(statistics.size());
  for (uint32_t l = 0; l < groups; ++l) layer_groups[std::min<size_t>(l, statistics.size() - 1)].push_back(l);

  const StepPredictor predictor(draft, tables);
  const JobSamples& samples = predictor.samples();
  Chooser chooser(draft, predictor, groups);
  PlacementSchedule schedule;
  schedule.draft = draft.digest();
  schedule.epochs.resize(1);
  std::vector<std::vector<uint32_t>> ranks(statistics.size());
  if (options.policy == GroupingPolicy::kSampleClusters) {
    GROUTER_ASSIGN_OR_RETURN(const auto refs, SpreadSamples(samples, kClusterSamples));
    for (size_t l = 0; l < statistics.size(); ++l) {
      GROUTER_ASSIGN_OR_RETURN(const SampleCounts counts, ReadCounts(samples, refs, layer_groups[l]));
      SampleClusterOptions clusters;
      clusters.seed = draft.seed + l;
      const GroupingProblem problem = ProblemOf(draft, statistics[l], options.load_cap);
      ranks[l] = GroupBySampleClusters(counts, num_experts, problem.capacity, clusters);
    }
    GROUTER_RETURN_IF_ERROR(chooser.Offer(statistics, ranks, &schedule));
  } else {
    GROUTER_ASSIGN_OR_RETURN(const auto refs, SpreadSamples(samples, kTokenSamples));
    std::vector<TokenSets> tokens;
    for (const auto& some : layer_groups) {
      GROUTER_ASSIGN_OR_RETURN(TokenSets sets, ReadTokens(samples, refs, some, num_experts));
      tokens.push_back(std::move(sets));
    }
    const uint64_t iterations = options.iterations / (2 * kNumCaps);
    for (uint64_t c = 0; c < kNumCaps; ++c) {
      const double cap =
          1.0 + (std::max(options.load_cap, 1.0) - 1.0) / static_cast<double>(uint64_t{1} << (2 * c));
      std::vector<GroupingProblem> problems;
      for (size_t l = 0; l < statistics.size(); ++l) {
        problems.push_back(ProblemOf(draft, statistics[l], cap));
        ranks[l] = GroupExperts(problems[l], iterations, draft.seed + l).rank_of_expert;
      }
      GROUTER_RETURN_IF_ERROR(chooser.Offer(statistics, ranks, &schedule));
      for (size_t l = 0; l < statistics.size(); ++l) {
        ranks[l] = GroupByTokens(problems[l], tokens[l], ranks[l], iterations / 8, draft.seed + l);
      }
      GROUTER_RETURN_IF_ERROR(chooser.Offer(statistics, ranks, &schedule));
    }
  }
  const Placement contiguous(groups, LayerPlacement::Contiguous(num_experts, draft.ep_size));
  GROUTER_ASSIGN_OR_RETURN(schedule.contiguous_step_ns, chooser.MeanStepNs(contiguous));
  return schedule;
}

}  // namespace grouter
