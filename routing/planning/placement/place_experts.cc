#include "routing/planning/placement/place_experts.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/batch/memory_model.h"
#include "routing/planning/grouping/sample_clusters.h"
#include "routing/planning/job_check.h"
#include "routing/planning/placement/balance_replicas.h"
#include "routing/planning/placement/grouping.h"
#include "routing/planning/placement/joint_node.h"
#include "routing/planning/placement/refine.h"
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

using RankExperts = std::vector<std::vector<uint32_t>>;  // [ranks] experts each holds

RankExperts ByRank(uint32_t ep_size, const std::vector<uint32_t>& rank_of_expert) {
  RankExperts experts(ep_size);
  for (uint32_t e = 0; e < rank_of_expert.size(); ++e) experts[rank_of_expert[e]].push_back(e);
  return experts;
}

// Free slots hold further copies of hot experts.
absl::StatusOr<LayerPlacement> WithReplicas(const JobDraft& draft, const std::vector<uint64_t>& load,
                                            RankExperts slots) {
  const uint32_t num_experts = static_cast<uint32_t>(load.size());
  const std::vector<uint32_t> counts = draft.SlotsOfRanks(num_experts);
  AddReplicas(load, counts, &slots);
  for (uint32_t r = 0; r < draft.ep_size; ++r) slots[r].resize(counts[r], kEmptySlot);
  return LayerPlacement::Make(num_experts, slots);
}

// All slots given by load alone.
absl::StatusOr<RankExperts> LevelExperts(const JobDraft& draft, std::vector<uint64_t> load) {
  uint64_t total = 0;
  for (uint64_t each : load) total += each;
  while (total >= uint64_t{1} << 42) {
    total /= 2;
    for (uint64_t& each : load) each /= 2;
  }
  const std::vector<uint32_t> counts = draft.SlotsOfRanks(static_cast<uint32_t>(load.size()));
  ReplicaShape shape;
  shape.num_experts = static_cast<uint32_t>(load.size());
  shape.num_slots = std::accumulate(counts.begin(), counts.end(), 0u);
  shape.num_ranks = draft.ep_size;
  GROUTER_ASSIGN_OR_RETURN(const EplbArrays arrays, BalanceReplicas(shape, load));
  RankExperts experts(draft.ep_size);
  size_t slot = 0;
  for (uint32_t r = 0; r < draft.ep_size; ++r) {
    for (uint32_t i = 0; i < counts[r]; ++i, ++slot) {
      if (arrays.phy2log[slot] >= 0) experts[r].push_back(static_cast<uint32_t>(arrays.phy2log[slot]));
    }
  }
  return experts;
}

// Ranks of one node's experts, placed together with these samples: [samples][experts] pairs. A pair that
// leaves its rank costs its row on one of the group's links, both ways, forward and backward; a pair on the
// busiest rank its arithmetic.
std::vector<uint32_t> JointRanks(const JobDraft& draft, const GroupingProblem& problem,
                                 std::vector<uint32_t> pairs, uint64_t iterations, uint64_t seed) {
  const TopologyNode& node = draft.topology.nodes[0];
  const ModelShape& model = draft.model;
  constexpr long double kPicoseconds = 1e12L;
  const auto cost = [](long double picoseconds) {
    return static_cast<uint64_t>(std::min(std::max(picoseconds, 1.0L), 1e9L));
  };
  JointNodeProblem joint;
  joint.samples_of_rank =
      RankCapacities(static_cast<uint32_t>(pairs.size() / problem.load.size()), draft.ep_size);
  joint.experts_of_rank = problem.capacity;
  joint.pairs = std::move(pairs);
  joint.remote_cost = cost(4 * kPicoseconds * model.hidden_size * model.activation_bytes / draft.ep_size /
                           std::max<uint64_t>(node.scale_up.bytes_per_second, 1));
  joint.busy_cost = cost(6 * kPicoseconds * model.expert_weight_bytes / std::max(model.activation_bytes, 1u) /
                         std::max<uint64_t>(node.flops_per_second, 1));
  return PlaceJointly(joint, iterations, seed).rank_of_expert;
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

absl::StatusOr<std::vector<uint32_t>> ReadPairs(const JobSamples& samples, const std::vector<SampleRef>& refs,
                                                const std::vector<uint32_t>& layer_groups,
                                                uint32_t num_experts) {
  std::vector<uint32_t> pairs(refs.size() * num_experts, 0);
  std::vector<ExpertCount> sample;
  for (size_t s = 0; s < refs.size(); ++s) {
    for (uint32_t l : layer_groups) {
      GROUTER_RETURN_IF_ERROR(samples.tables()[refs[s].table]->ExpertCounts(refs[s].sample, l, &sample));
      for (const ExpertCount& each : sample) pairs[s * num_experts + each.expert] += each.count;
    }
  }
  return pairs;
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

// Placements are judged by the mean of up to so many steps spread over the run, as many as have kJudgedTokens
// (times layer groups) together, and at least kLeastJudged: what is level over the run may sway from step to
// step.
constexpr uint64_t kMostJudged = 16, kLeastJudged = 2, kJudgedTokens = uint64_t{1} << 22;

constexpr uint64_t kTokenSamples = 256;     // whose tokens the search reads
constexpr uint64_t kClusterSamples = 2048;  // whose expert counts the paper's pipeline clusters
constexpr uint64_t kJointSamples = 64;      // that are placed together with a node's experts

// Collects placements and keeps the one of least load above the cap, then of least predicted time.
class Chooser {
 public:
  Chooser(const JobDraft& draft, const StepPredictor& predictor, GroupLoads loads, double load_cap)
      : draft_(draft), predictor_(predictor), loads_(std::move(loads)), load_cap_(load_cap) {
    const uint64_t steps = predictor.samples().num_steps();
    const uint64_t judged = std::min(JudgedSteps(draft, predictor.samples().tables()), steps);
    for (uint64_t i = 0; i < judged; ++i) steps_.push_back(steps * i / judged);
  }

  // `experts`: one for each layer group or one for all.
  absl::Status Offer(const std::vector<LayerGroupStatistics>& statistics,
                     const std::vector<RankExperts>& experts, PlacementSchedule* schedule) {
    Placement placement;
    for (size_t l = 0; l < experts.size(); ++l) {
      GROUTER_ASSIGN_OR_RETURN(LayerPlacement layer, WithReplicas(draft_, statistics[l].load, experts[l]));
      placement.push_back(std::move(layer));
    }
    placement.resize(loads_.size(), placement.back());
    GROUTER_RETURN_IF_ERROR(CheckMemory(draft_, placement));
    GROUTER_ASSIGN_OR_RETURN(const uint64_t predicted, predictor_.MeanStepNs(steps_, placement));
    const uint64_t above = LoadAboveCap(placement, loads_, load_cap_);
    if (any_ && (above != above_ ? above > above_ : predicted >= schedule->predicted_step_ns)) {
      return absl::OkStatus();
    }
    any_ = true;
    above_ = above;
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
  const GroupLoads loads_;
  const double load_cap_;
  std::vector<uint64_t> steps_;
  bool any_ = false;
  uint64_t above_ = 0;
};

// One search: the candidates of each policy, offered one after the other.
class Search {
 public:
  Search(const JobDraft& draft, const PlaceOptions& options, std::vector<LayerGroupStatistics> statistics,
         const JobSamples& samples, Chooser* chooser, PlacementSchedule* schedule)
      : draft_(draft),
        options_(options),
        statistics_(std::move(statistics)),
        num_experts_(static_cast<uint32_t>(statistics_[0].load.size())),
        samples_(samples),
        chooser_(chooser),
        schedule_(schedule),
        layer_groups_(statistics_.size()) {
    // The layer groups of each grouping.
    for (uint32_t l = 0; l < samples.tables()[0]->header().num_layer_groups; ++l) {
      layer_groups_[std::min<size_t>(l, statistics_.size() - 1)].push_back(l);
    }
  }

  absl::Status Run() {
    switch (options_.policy) {
      case GroupingPolicy::kSampleClusters:
        return OfferClusters();
      case GroupingPolicy::kLevel:
        return OfferLevel();
      case GroupingPolicy::kJoint:
        if (OnOneNode()) return OfferJoint();
        return Error(
            absl::StatusCode::kFailedPrecondition,
            "experts and samples are placed together only inside a node, and an EP group spans several",
            "policy joint", "use the policy search, or an ep_size that one node holds");
      case GroupingPolicy::kSearch:
        break;
    }
    GROUTER_RETURN_IF_ERROR(OfferInOrder());
    GROUTER_RETURN_IF_ERROR(OfferGroupings());
    GROUTER_RETURN_IF_ERROR(OfferLevel());
    return OnOneNode() ? OfferJoint() : absl::OkStatus();
  }

 private:
  bool OnOneNode() const { return EpGroupsOf(draft_.topology, draft_.ep_size)[0].num_blocks() == 1; }
  absl::Status Offer(const std::vector<RankExperts>& experts) {
    return chooser_->Offer(statistics_, experts, schedule_);
  }

  // What a search must not lose to.
  absl::Status OfferInOrder() {
    const LayerPlacement in_order = LayerPlacement::Contiguous(num_experts_, draft_.ep_size);
    RankExperts experts(draft_.ep_size);
    for (uint32_t e = 0; e < num_experts_; ++e) experts[in_order.OwnerOf(e).rank].push_back(e);
    return Offer(std::vector<RankExperts>(statistics_.size(), experts));
  }

  absl::Status OfferClusters() {
    GROUTER_ASSIGN_OR_RETURN(const auto refs, SpreadSamples(samples_, kClusterSamples));
    std::vector<RankExperts> experts;
    for (size_t l = 0; l < statistics_.size(); ++l) {
      GROUTER_ASSIGN_OR_RETURN(const SampleCounts counts, ReadCounts(samples_, refs, layer_groups_[l]));
      SampleClusterOptions clusters;
      clusters.seed = draft_.seed + l;
      const GroupingProblem problem = ProblemOf(draft_, statistics_[l], options_.load_cap);
      experts.push_back(
          ByRank(draft_.ep_size, GroupBySampleClusters(counts, num_experts_, problem.capacity, clusters)));
    }
    return Offer(experts);
  }

  absl::Status OfferLevel() {
    std::vector<RankExperts> experts;
    for (const LayerGroupStatistics& one : statistics_) {
      GROUTER_ASSIGN_OR_RETURN(RankExperts level, LevelExperts(draft_, one.load));
      experts.push_back(std::move(level));
    }
    return Offer(experts);
  }

  absl::Status OfferJoint() {
    GROUTER_ASSIGN_OR_RETURN(const auto refs, SpreadSamples(samples_, kJointSamples));
    std::vector<RankExperts> experts;
    for (size_t l = 0; l < statistics_.size(); ++l) {
      GROUTER_ASSIGN_OR_RETURN(auto pairs, ReadPairs(samples_, refs, layer_groups_[l], num_experts_));
      experts.push_back(
          ByRank(draft_.ep_size, JointRanks(draft_, ProblemOf(draft_, statistics_[l], options_.load_cap),
                                            std::move(pairs), options_.iterations / 64, draft_.seed + l)));
    }
    return Offer(experts);
  }

  // On co-activation, then on tokens, then on tokens with further copies of experts on other nodes.
  absl::Status OfferGroupings() {
    GROUTER_ASSIGN_OR_RETURN(const auto refs, SpreadSamples(samples_, kTokenSamples));
    std::vector<TokenSets> tokens;
    for (const auto& some : layer_groups_) {
      GROUTER_ASSIGN_OR_RETURN(TokenSets sets, ReadTokens(samples_, refs, some, num_experts_));
      tokens.push_back(std::move(sets));
    }
    const std::vector<uint32_t> slots = draft_.SlotsOfRanks(num_experts_);
    const bool spare = std::accumulate(slots.begin(), slots.end(), uint64_t{0}) > num_experts_;
    const uint64_t iterations = options_.iterations / (2 * kNumCaps);
    for (uint64_t c = 0; c < kNumCaps; ++c) {
      const double cap =
          1.0 + (std::max(options_.load_cap, 1.0) - 1.0) / static_cast<double>(uint64_t{1} << (2 * c));
      std::vector<RankExperts> by_pairs, by_tokens, with_replicas;
      for (size_t l = 0; l < statistics_.size(); ++l) {
        const GroupingProblem problem = ProblemOf(draft_, statistics_[l], cap);
        const uint64_t seed = draft_.seed + l;
        std::vector<uint32_t> ranks = GroupExperts(problem, iterations, seed).rank_of_expert;
        by_pairs.push_back(ByRank(draft_.ep_size, ranks));
        ranks = GroupByTokens(problem, tokens[l], ranks, iterations / 8, seed);
        by_tokens.push_back(ByRank(draft_.ep_size, ranks));
        if (!spare || OnOneNode()) continue;
        with_replicas.push_back(GroupWithReplicas(problem, slots, tokens[l], ranks, iterations / 8, seed));
      }
      GROUTER_RETURN_IF_ERROR(Offer(by_pairs));
      GROUTER_RETURN_IF_ERROR(Offer(by_tokens));
      if (!with_replicas.empty()) GROUTER_RETURN_IF_ERROR(Offer(with_replicas));
    }
    return absl::OkStatus();
  }

  const JobDraft& draft_;
  const PlaceOptions& options_;
  const std::vector<LayerGroupStatistics> statistics_;
  const uint32_t num_experts_;
  const JobSamples& samples_;
  Chooser* const chooser_;
  PlacementSchedule* const schedule_;
  std::vector<std::vector<uint32_t>> layer_groups_;
};

}  // namespace

uint64_t JudgedSteps(const JobDraft& draft, const Tables& tables) {
  uint64_t tokens = 1;  // of one step, in all layer groups
  for (const auto& table : tables) {
    const uint64_t of_step =
        table->num_tokens() / std::max<uint64_t>(table->num_samples(), 1) * draft.batch.samples_per_step;
    tokens = std::max(tokens, of_step * table->header().num_layer_groups);
  }
  return std::min(std::max(kJudgedTokens / tokens, kLeastJudged), kMostJudged);
}

absl::StatusOr<PlacementSchedule> PlaceExperts(const JobDraft& draft, const Tables& tables,
                                               const PlaceOptions& options) {
  GROUTER_RETURN_IF_ERROR(CheckTables(draft, tables));
  const uint32_t groups = tables[0]->header().num_layer_groups;
  std::vector<uint64_t> layers(groups, 0);
  for (uint32_t group : draft.model.layer_group_of_layer) ++layers[group];
  std::vector<LayerGroupStatistics> statistics;
  LayerGroupStatistics whole;
  GroupLoads loads;
  for (uint32_t l = 0; l < groups; ++l) {
    GROUTER_ASSIGN_OR_RETURN(LayerGroupStatistics one, BlendStatistics(draft, tables, l));
    loads.push_back(one.load);
    if (!options.one_grouping_per_layer_group) AddStatistics(one, layers[l], &whole);
    statistics.push_back(std::move(one));
  }
  if (!options.one_grouping_per_layer_group) statistics.assign(1, std::move(whole));

  const StepPredictor predictor(draft, tables);
  Chooser chooser(draft, predictor, std::move(loads), options.load_cap);
  PlacementSchedule schedule;
  schedule.draft = draft.digest();
  schedule.epochs.resize(1);
  Search search(draft, options, std::move(statistics), predictor.samples(), &chooser, &schedule);
  GROUTER_RETURN_IF_ERROR(search.Run());
  const Placement contiguous(groups,
                             LayerPlacement::Contiguous(tables[0]->header().num_experts, draft.ep_size));
  GROUTER_ASSIGN_OR_RETURN(schedule.contiguous_step_ns, chooser.MeanStepNs(contiguous));
  return schedule;
}

}  // namespace grouter
