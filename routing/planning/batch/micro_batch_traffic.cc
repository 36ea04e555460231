#include "routing/planning/batch/micro_batch_traffic.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/batch/for_each.h"
#include "routing/planning/batch/replica_quotas.h"

namespace grouter {
namespace {

uint64_t NumPairs(const RouteView& view, uint32_t first, uint32_t count) {
  if (view.missing.empty() && view.num_topk.empty()) return uint64_t{view.k} * count;
  uint64_t pairs = 0;
  for (uint32_t t = first; t < first + count; ++t) pairs += view.NumTopk(t);
  return pairs;
}

}  // namespace

TrafficModel::TrafficModel(const JobDraft& draft, const WorldShape& world, Placement placement,
                           InstructionSet instructions)
    : draft_(draft), world_(world), placement_(std::move(placement)) {
  const uint32_t num_experts = placement_[0].num_experts();
  num_layers_.assign(placement_.size(), 0);
  for (uint32_t group : draft.model.layer_group_of_layer) ++num_layers_[group];
  const uint32_t num_blocks = world.num_blocks();
  for (const LayerPlacement& layer : placement_) {
    std::vector<std::vector<uint32_t>> columns(num_experts);
    for (uint32_t e = 0; e < num_experts; ++e) {
      columns[e].push_back(e);
      for (SlotRef slot : layer.SlotsOf(e)) {
        columns[e].push_back(num_experts + slot.rank);
        if (draft.protocol != DispatchProtocol::kOncePerNode) continue;
        for (size_t shape = 0; shape < world.group_of_shape.size(); ++shape) {
          const EpGroup& group = world.groups[world.group_of_shape[shape]];
          columns[e].push_back(num_experts + draft.ep_size + world.first_block_of_shape[shape] +
                               group.block_of_rank[slot.rank]);
        }
      }
    }
    const uint32_t blocks = draft.protocol == DispatchProtocol::kOncePerNode ? num_blocks : 0;
    counters_.emplace_back(num_experts + draft.ep_size + blocks, columns, instructions);
    replicated_.push_back(HasReplicas(layer));
  }
}

// Builds a MicroBatchTraffic in steps.
class TrafficCounter {
 public:
  TrafficCounter(const TrafficModel& model, std::vector<TrafficSample> samples, uint32_t num_threads)
      : model_(model), num_threads_(num_threads), traffic_(std::make_shared<MicroBatchTraffic>()) {
    traffic_->samples_ = std::move(samples);
    traffic_->num_experts_ = model.num_experts();
    traffic_->ep_size_ = model.ep_size();
    traffic_->num_chunks_ = model.draft().batch.num_chunks;
    for (const EpGroup& group : model.world().groups) {
      traffic_->max_blocks_ = std::max(traffic_->max_blocks_, group.num_blocks());
    }
    for (uint32_t l = 0; l < model.num_layer_groups(); ++l) {
      stride_ = std::max(stride_, model.counter(l).num_counts());
    }
  }

  absl::StatusOr<std::shared_ptr<const MicroBatchTraffic>> Run() {
    const bool assign_by_routes = model_.draft().batch.assignment != AssignmentPolicy::kInOrder;
    if (assign_by_routes || traffic_->num_chunks_ == 1) GROUTER_RETURN_IF_ERROR(CountSamples());
    Assign();
    Allocate();
    if (traffic_->num_chunks_ == 1) {
      SumSamples();
    } else {
      GROUTER_RETURN_IF_ERROR(CountChunks());
    }
    for (uint32_t l = 0; l < model_.num_layer_groups(); ++l) {
      if (model_.replicated(l)) DivideReplicas(l);
    }
    SumComputed();
    return std::shared_ptr<const MicroBatchTraffic>(traffic_);
  }

 private:
  uint32_t num_samples() const { return static_cast<uint32_t>(traffic_->samples_.size()); }
  uint32_t* CountsOf(uint32_t layer_group, uint32_t sample) {
    return &counts_[(size_t{layer_group} * num_samples() + sample) * stride_];
  }

  // A token counts once per expert, so anything that is no expert, or one twice, leaves the sum short.
  absl::Status CheckCounts(const uint32_t* counts, uint64_t pairs, uint32_t layer_group,
                           uint32_t sample) const {
    uint64_t counted = 0;
    for (uint32_t e = 0; e < traffic_->num_experts_; ++e) counted += counts[e];
    if (counted == pairs) return absl::OkStatus();
    const TrafficSample& bad = traffic_->samples_[sample];
    return Error(absl::StatusCode::kDataLoss, "a route names an expert past the last, or one expert twice",
                 absl::StrCat("table ", bad.table, ", sample ", bad.sample, ", layer group ", layer_group),
                 "verify the table and make it again");
  }

  absl::Status CountSamples() {
    counts_.assign(size_t{model_.num_layer_groups()} * num_samples() * stride_, 0);
    const uint32_t runs = model_.num_layer_groups() * num_samples();
    ForEach(runs, num_threads_, [&](uint32_t i) {
      const uint32_t l = i / num_samples(), s = i % num_samples();
      const RouteView& view = traffic_->samples_[s].routes[l];
      model_.counter(l).Count(view, 0, view.num_tokens, CountsOf(l, s));
    });
    for (uint32_t i = 0; i < runs; ++i) {
      const uint32_t l = i / num_samples(), s = i % num_samples();
      const RouteView& view = traffic_->samples_[s].routes[l];
      GROUTER_RETURN_IF_ERROR(CheckCounts(CountsOf(l, s), NumPairs(view, 0, view.num_tokens), l, s));
    }
    return absl::OkStatus();
  }

  void Assign() {
    SampleTraffic traffic;
    traffic.num_samples = num_samples();
    const AssignmentPolicy policy = model_.draft().batch.assignment;
    for (const TrafficSample& sample : traffic_->samples_) traffic.length.push_back(sample.facts.length);
    if (policy != AssignmentPolicy::kInOrder) FillTraffic(&traffic);
    traffic_->by_rank_ =
        AssignSamples(policy, traffic, model_.world(), model_.draft().topology, model_.row_bytes());
    for (const auto& mine : traffic_->by_rank_) {
      uint64_t tokens = 0;
      for (uint32_t s : mine) tokens += traffic.length[s];
      traffic_->num_tokens_.push_back(static_cast<uint32_t>(tokens));
    }
  }

  void FillTraffic(SampleTraffic* traffic) {
    const uint32_t ep_size = model_.ep_size();
    const uint32_t blocks = model_.world().num_blocks();
    const DispatchProtocol protocol = model_.draft().protocol;
    traffic->rank_rows.assign(size_t{num_samples()} * ep_size, 0);
    traffic->pairs.assign(size_t{num_samples()} * ep_size, 0);
    if (protocol == DispatchProtocol::kOncePerNode)
      traffic->block_rows.assign(size_t{num_samples()} * blocks, 0);
    for (uint32_t l = 0; l < model_.num_layer_groups(); ++l) {
      const LayerPlacement& layer = model_.placement()[l];
      const uint64_t layers = model_.num_layers(l);
      for (uint32_t s = 0; s < num_samples(); ++s) {
        const uint32_t* counts = CountsOf(l, s);
        uint64_t* pairs = &traffic->pairs[size_t{s} * ep_size];
        for (uint32_t e = 0; e < model_.num_experts(); ++e) {
          for (SlotRef slot : layer.SlotsOf(e)) pairs[slot.rank] += layers * counts[e];
        }
        for (uint32_t r = 0; r < ep_size; ++r) {
          traffic->rank_rows[size_t{s} * ep_size + r] += layers * counts[model_.rank_column() + r];
        }
        if (traffic->block_rows.empty()) continue;
        for (uint32_t b = 0; b < blocks; ++b) {
          traffic->block_rows[size_t{s} * blocks + b] += layers * counts[model_.block_column() + b];
        }
      }
    }
    if (protocol == DispatchProtocol::kCopyPerExpert) traffic->rank_rows = traffic->pairs;
  }

  void Allocate() {
    const size_t rows =
        size_t{model_.num_layer_groups()} * traffic_->num_chunks_ * traffic_->num_tokens_.size();
    traffic_->pairs_.assign(rows * traffic_->num_experts_, 0);
    traffic_->rank_rows_.assign(rows * traffic_->ep_size_, 0);
    if (model_.draft().protocol == DispatchProtocol::kOncePerNode) {
      traffic_->block_rows_.assign(rows * traffic_->max_blocks_, 0);
    }
    bool replicas = false;
    for (uint32_t l = 0; l < model_.num_layer_groups(); ++l) replicas = replicas || model_.replicated(l);
    if (replicas) traffic_->quotas_.resize(rows);
  }

  // Adds a run's column counts to one (layer group, chunk, source).
  void AddCounts(const uint32_t* counts, uint32_t layer_group, uint32_t chunk, uint32_t world_rank) {
    const size_t row = traffic_->Index(layer_group, chunk, world_rank);
    uint32_t* pairs = &traffic_->pairs_[row * traffic_->num_experts_];
    for (uint32_t e = 0; e < traffic_->num_experts_; ++e) pairs[e] += counts[e];
    uint32_t* rank_rows = &traffic_->rank_rows_[row * traffic_->ep_size_];
    for (uint32_t r = 0; r < traffic_->ep_size_; ++r) rank_rows[r] += counts[model_.rank_column() + r];
    if (traffic_->block_rows_.empty()) return;
    const WorldShape& world = model_.world();
    const uint32_t g = world_rank / model_.ep_size();
    const uint32_t* blocks =
        counts + model_.block_column() + world.first_block_of_shape[world.shape_of_group[g]];
    uint32_t* block_rows = &traffic_->block_rows_[row * traffic_->max_blocks_];
    for (uint32_t b = 0; b < world.groups[g].num_blocks(); ++b) block_rows[b] += blocks[b];
  }

  void SumSamples() {
    for (uint32_t l = 0; l < model_.num_layer_groups(); ++l) {
      for (uint32_t r = 0; r < traffic_->by_rank_.size(); ++r) {
        for (uint32_t s : traffic_->by_rank_[r]) AddCounts(CountsOf(l, s), l, 0, r);
      }
    }
  }

  // Calls visit(sample, first token inside it, tokens) for the runs of one rank's chunk.
  template <typename Visit>
  void ForEachRun(uint32_t world_rank, uint32_t chunk, Visit visit) const {
    const uint32_t begin = traffic_->ChunkBegin(world_rank, chunk);
    const uint32_t end = traffic_->ChunkBegin(world_rank, chunk + 1);
    uint32_t at = 0;
    for (uint32_t s : traffic_->by_rank_[world_rank]) {
      const uint32_t length = traffic_->samples_[s].facts.length;
      const uint32_t from = std::max(begin, at), to = std::min(end, at + length);
      if (from < to) visit(s, from - at, to - from);
      at += length;
    }
  }

  absl::Status CountChunks() {
    const uint32_t world = static_cast<uint32_t>(traffic_->by_rank_.size());
    std::vector<absl::Status> status(world);
    ForEach(world, num_threads_, [&](uint32_t r) {
      std::vector<uint32_t> counts(stride_);
      for (uint32_t l = 0; l < model_.num_layer_groups(); ++l) {
        for (uint32_t c = 0; c < traffic_->num_chunks_; ++c) {
          ForEachRun(r, c, [&](uint32_t s, uint32_t first, uint32_t count) {
            std::fill(counts.begin(), counts.end(), 0);
            const RouteView& view = traffic_->samples_[s].routes[l];
            model_.counter(l).Count(view, first, count, counts.data());
            const absl::Status checked = CheckCounts(counts.data(), NumPairs(view, first, count), l, s);
            if (status[r].ok()) status[r] = checked;
            AddCounts(counts.data(), l, c, r);
          });
        }
      }
    });
    for (const absl::Status& each : status) GROUTER_RETURN_IF_ERROR(each);
    return absl::OkStatus();
  }

  // Replicated experts: which rank a token goes to depends on the quotas, so rows are counted token by token.
  void DivideReplicas(uint32_t l) {
    const uint32_t ep_size = model_.ep_size();
    const WorldShape& world = model_.world();
    for (uint32_t g = 0; g < world.groups.size(); ++g) {
      const uint32_t first = world.groups[g].first_world_rank;
      for (uint32_t c = 0; c < traffic_->num_chunks_; ++c) {
        const size_t row = traffic_->Index(l, c, first);
        const auto pairs =
            absl::MakeConstSpan(traffic_->pairs_)
                .subspan(row * traffic_->num_experts_, size_t{ep_size} * traffic_->num_experts_);
        auto quotas = DivideOverReplicas(model_.placement()[l], world.groups[g], pairs);
        for (uint32_t s = 0; s < ep_size; ++s) traffic_->quotas_[row + s] = std::move(quotas[s]);
      }
    }
    ForEach(static_cast<uint32_t>(traffic_->by_rank_.size()), num_threads_, [&](uint32_t r) {
      for (uint32_t c = 0; c < traffic_->num_chunks_; ++c) RecountRows(l, c, r);
    });
  }

  void RecountRows(uint32_t l, uint32_t c, uint32_t world_rank) {
    const LayerPlacement& layer = model_.placement()[l];
    const EpGroup& group = model_.world().groups[world_rank / model_.ep_size()];
    const size_t row = traffic_->Index(l, c, world_rank);
    uint32_t* rank_rows = &traffic_->rank_rows_[row * traffic_->ep_size_];
    std::fill(rank_rows, rank_rows + traffic_->ep_size_, 0);
    uint32_t* block_rows = nullptr;
    if (!traffic_->block_rows_.empty()) {
      block_rows = &traffic_->block_rows_[row * traffic_->max_blocks_];
      std::fill(block_rows, block_rows + traffic_->max_blocks_, 0);
    }
    // Where each replicated expert's next token goes: the quota in use and what is left of it.
    const std::vector<ReplicaQuota>& quotas = traffic_->quotas_[row];
    std::vector<uint32_t> next(traffic_->num_experts_, UINT32_MAX);
    std::vector<uint32_t> left;
    for (size_t i = 0; i < quotas.size(); ++i) {
      left.push_back(quotas[i].num_tokens);
      if (i == 0 || quotas[i - 1].expert != quotas[i].expert)
        next[quotas[i].expert] = static_cast<uint32_t>(i);
    }
    std::vector<uint32_t> rank_seen(traffic_->ep_size_, UINT32_MAX);
    std::vector<uint32_t> block_seen(group.num_blocks(), UINT32_MAX);
    uint32_t token = 0;
    ForEachRun(world_rank, c, [&](uint32_t s, uint32_t first, uint32_t count) {
      const RouteView& view = traffic_->samples_[s].routes[l];
      for (uint32_t t = first; t < first + count; ++t, ++token) {
        const uint32_t k = view.NumTopk(t);
        for (uint32_t j = 0; j < k; ++j) {
          const uint32_t expert = view.Id(t, j);
          uint32_t rank = 0;
          if (next[expert] == UINT32_MAX) {
            rank = layer.OwnerOf(expert).rank;
          } else {
            uint32_t& i = next[expert];
            if (left[i] == 0) ++i;
            --left[i];
            rank = layer.FromGlobalSlot(quotas[i].global_slot).rank;
          }
          if (rank_seen[rank] != token) {
            rank_seen[rank] = token;
            ++rank_rows[rank];
          }
          if (block_rows == nullptr) continue;
          const uint32_t block = group.block_of_rank[rank];
          if (block_seen[block] == token) continue;
          block_seen[block] = token;
          ++block_rows[block];
        }
      }
    });
  }

  void SumComputed() {
    const uint32_t ep_size = model_.ep_size();
    traffic_->pairs_computed_.assign(traffic_->by_rank_.size(), 0);
    for (uint32_t l = 0; l < model_.num_layer_groups(); ++l) {
      const LayerPlacement& layer = model_.placement()[l];
      std::vector<uint32_t> owner(traffic_->num_experts_, UINT32_MAX);  // UINT32_MAX: several, see the quotas
      for (uint32_t e = 0; e < traffic_->num_experts_; ++e) {
        if (layer.SlotsOf(e).size() == 1) owner[e] = layer.OwnerOf(e).rank;
      }
      for (uint32_t c = 0; c < traffic_->num_chunks_; ++c) {
        for (uint32_t r = 0; r < traffic_->by_rank_.size(); ++r) {
          uint64_t* computed = &traffic_->pairs_computed_[r / ep_size * ep_size];
          const auto pairs = traffic_->Pairs(l, c, r);
          for (uint32_t e = 0; e < pairs.size(); ++e) {
            if (owner[e] != UINT32_MAX) computed[owner[e]] += pairs[e];
          }
          for (const ReplicaQuota& quota : traffic_->Quotas(l, c, r)) {
            computed[layer.FromGlobalSlot(quota.global_slot).rank] += quota.num_tokens;
          }
        }
      }
    }
  }

  const TrafficModel& model_;
  const uint32_t num_threads_;
  std::shared_ptr<MicroBatchTraffic> traffic_;
  uint32_t stride_ = 0;
  std::vector<uint32_t> counts_;  // [layer groups][samples][stride_] whole samples
};

absl::StatusOr<std::shared_ptr<const MicroBatchTraffic>> MicroBatchTraffic::Make(
    const TrafficModel& model, std::vector<TrafficSample> samples, uint32_t num_threads) {
  return TrafficCounter(model, std::move(samples), num_threads).Run();
}

uint64_t MicroBatchTraffic::num_bytes() const {
  uint64_t bytes = (pairs_.size() + rank_rows_.size() + block_rows_.size()) * sizeof(uint32_t);
  for (const TrafficSample& sample : samples_)
    bytes += sizeof(sample) + sample.routes.size() * sizeof(RouteView);
  for (const auto& list : quotas_) bytes += sizeof(list) + list.size() * sizeof(ReplicaQuota);
  return bytes;
}

}  // namespace grouter
