// The work that all ranks of the world share in one micro-batch: who has which sample, and how many rows and
// pairs travel. One rank's plan is then read off.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_MICRO_BATCH_TRAFFIC_H_
#define GROUTER_ROUTING_PLANNING_BATCH_MICRO_BATCH_TRAFFIC_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "routing/planning/batch/sample_assignment.h"
#include "routing/planning/counting/column_counter.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"
#include "routing/table/routing_table.h"

namespace grouter {

// One sample of the micro-batch and where its routes are.
struct TrafficSample {
  uint32_t table = 0;
  uint64_t sample = 0;
  SampleFacts facts;
  std::vector<RouteView> routes;  // [layer groups]
};

// What a job needs to count traffic under one placement: immutable, thread-safe, made once per placement
// epoch.
class TrafficModel {
 public:
  // `draft` and `world` outlive it. `placement` has one entry per layer group.
  TrafficModel(const JobDraft& draft, const WorldShape& world, Placement placement,
               InstructionSet instructions = BestInstructionSet());

  const JobDraft& draft() const { return draft_; }
  const WorldShape& world() const { return world_; }
  const Placement& placement() const { return placement_; }
  bool replicated(uint32_t layer_group) const { return replicated_[layer_group]; }
  const ColumnCounter& counter(uint32_t layer_group) const { return counters_[layer_group]; }
  uint32_t num_experts() const { return placement_[0].num_experts(); }
  uint32_t ep_size() const { return draft_.ep_size; }
  uint32_t num_layer_groups() const { return static_cast<uint32_t>(placement_.size()); }
  // MoE layers that use this layer group.
  uint32_t num_layers(uint32_t layer_group) const { return num_layers_[layer_group]; }
  uint64_t row_bytes() const { return uint64_t{draft_.model.hidden_size} * draft_.model.activation_bytes; }
  // Columns of the counter: experts, then ranks, then blocks of all shapes.
  uint32_t rank_column() const { return num_experts(); }
  uint32_t block_column() const { return num_experts() + ep_size(); }

 private:
  const JobDraft& draft_;
  const WorldShape& world_;
  Placement placement_;
  std::vector<uint8_t> replicated_;
  std::vector<uint32_t> num_layers_;
  std::vector<ColumnCounter> counters_;
};

// Immutable once made.
class MicroBatchTraffic {
 public:
  // Assigns and counts. `num_threads` changes the time only. DATA_LOSS for a route that names an expert that
  // does not exist or one expert twice.
  static absl::StatusOr<std::shared_ptr<const MicroBatchTraffic>> Make(const TrafficModel& model,
                                                                       std::vector<TrafficSample> samples,
                                                                       uint32_t num_threads);

  const std::vector<TrafficSample>& samples() const { return samples_; }
  // Indices into samples(), in the rank's order.
  const std::vector<uint32_t>& SamplesOf(uint32_t world_rank) const { return by_rank_[world_rank]; }
  uint32_t NumTokens(uint32_t world_rank) const { return num_tokens_[world_rank]; }
  uint32_t ChunkBegin(uint32_t world_rank, uint32_t chunk) const {
    return static_cast<uint32_t>(uint64_t{num_tokens_[world_rank]} * chunk / num_chunks_);
  }
  // [num_experts] tokens of this source for each expert.
  absl::Span<const uint32_t> Pairs(uint32_t layer_group, uint32_t chunk, uint32_t world_rank) const {
    return Row(pairs_, num_experts_, layer_group, chunk, world_rank);
  }
  // [ep_size] tokens of this source that need each rank.
  absl::Span<const uint32_t> RankRows(uint32_t layer_group, uint32_t chunk, uint32_t world_rank) const {
    return Row(rank_rows_, ep_size_, layer_group, chunk, world_rank);
  }
  // [blocks of the rank's group] tokens of this source that need each block; once_per_node only.
  absl::Span<const uint32_t> BlockRows(uint32_t layer_group, uint32_t chunk, uint32_t world_rank) const {
    return Row(block_rows_, max_blocks_, layer_group, chunk, world_rank);
  }
  const std::vector<ReplicaQuota>& Quotas(uint32_t layer_group, uint32_t chunk, uint32_t world_rank) const {
    static const std::vector<ReplicaQuota>* none = new std::vector<ReplicaQuota>;
    return quotas_.empty() ? *none : quotas_[Index(layer_group, chunk, world_rank)];
  }
  // Pairs each rank's experts compute, over all chunks and layer groups.
  uint64_t PairsComputed(uint32_t world_rank) const { return pairs_computed_[world_rank]; }
  uint64_t num_bytes() const;

 private:
  friend class TrafficCounter;
  size_t Index(uint32_t layer_group, uint32_t chunk, uint32_t world_rank) const {
    return (size_t{layer_group} * num_chunks_ + chunk) * num_tokens_.size() + world_rank;
  }
  absl::Span<const uint32_t> Row(const std::vector<uint32_t>& values, size_t width, uint32_t layer_group,
                                 uint32_t chunk, uint32_t world_rank) const {
    return absl::MakeConstSpan(values).subspan(Index(layer_group, chunk, world_rank) * width, width);
  }

  uint32_t num_experts_ = 0;
  uint32_t ep_size_ = 0;
  uint32_t max_blocks_ = 0;
  uint32_t num_chunks_ = 0;
  std::vector<TrafficSample> samples_;
  std::vector<std::vector<uint32_t>> by_rank_;
  std::vector<uint32_t> num_tokens_;
  std::vector<uint32_t> pairs_;
  std::vector<uint32_t> rank_rows_;
  std::vector<uint32_t> block_rows_;
  std::vector<std::vector<ReplicaQuota>> quotas_;
  std::vector<uint64_t> pairs_computed_;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_MICRO_BATCH_TRAFFIC_H_
