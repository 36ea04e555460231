#include "server/registry/job_statistics.h"

#include <algorithm>

namespace grouter {
namespace {

constexpr uint32_t kMaxRanksInMatrix = 128;
constexpr size_t kMaxCounted = 1 << 16;  // micro-batches remembered one by one

// World ranks of one EP group, as (group base, size).
struct Group {
  uint32_t base;
  uint32_t size;
};

void CountReceived(const LayerPlacement& placement, const ChunkPlan& chunk, uint32_t ep_rank,
                   uint32_t world_rank, std::vector<uint64_t>* expert_load,
                   std::vector<uint64_t>* rank_load) {
  const uint32_t slots = placement.num_slots(ep_rank);
  if (slots == 0) return;
  for (size_t i = 0; i < chunk.recv_counts.size(); ++i) {
    const uint32_t count = chunk.recv_counts[i];
    if (count == 0) continue;
    const uint32_t expert = placement.ExpertAt({ep_rank, static_cast<uint32_t>(i % slots)});
    if (expert < expert_load->size()) (*expert_load)[expert] += count;
    (*rank_load)[world_rank] += count;
  }
}

void CountSent(const Topology& topology, Group group, uint32_t world_rank, const ChunkPlan& chunk,
               JobSums* sums) {
  const uint32_t node = topology.NodeOf(world_rank);
  for (uint32_t i = 0; i < chunk.send_splits.size() && i < group.size; ++i) {
    const uint64_t rows = chunk.send_splits[i];
    if (rows == 0) continue;
    const uint32_t to = group.base + i;
    const uint32_t to_node = topology.NodeOf(to);
    if (!sums->rows_between_ranks.empty()) sums->rows_between_ranks[world_rank][to] += rows;
    sums->rows_between_nodes[node][to_node] += rows;
    sums->rows += rows;
    if (to == world_rank) sums->rows_on_rank += rows;
    if (to_node == node) sums->rows_on_node += rows;
  }
}

}  // namespace

void JobStatistics::Count(const BatchPlanner& planner, const std::vector<MicroBatchPlan>& plans) {
  if (plans.empty()) return;
  const JobDraft& draft = planner.spec().draft;
  const PlacementSchedule& schedule = planner.schedule();
  const uint64_t step = plans.front().step;
  const PlacementEpoch& epoch = schedule.epochs[schedule.EpochOf(step)];
  const uint32_t world = draft.topology.world_size();
  MutexLock lock(&mutex_);
  const std::pair<uint64_t, uint32_t> key{step, plans.front().micro_batch};
  if (key < forgotten_ || !counted_.insert(key).second) return;
  while (counted_.size() > kMaxCounted) {
    forgotten_ = *std::next(counted_.begin());
    counted_.erase(counted_.begin());
  }
  if (sums_.expert_load.empty()) {
    for (const LayerPlacement& placement : epoch.placement) {
      sums_.expert_load.emplace_back(placement.num_experts());
      sums_.rank_load.emplace_back(world);
    }
    const size_t nodes = draft.topology.nodes.size();
    if (world <= kMaxRanksInMatrix) sums_.rows_between_ranks.assign(world, std::vector<uint64_t>(world));
    sums_.rows_between_nodes.assign(nodes, std::vector<uint64_t>(nodes));
  }
  sums_.newest_step = std::max(sums_.newest_step.value_or(0), step);
  ++sums_.micro_batches;
  for (const MicroBatchPlan& plan : plans) {
    const Group group{plan.rank / draft.ep_size * draft.ep_size, draft.ep_size};
    for (const LayerGroupPlan& layer_group : plan.layer_groups) {
      const uint32_t g = layer_group.layer_group;
      if (g >= sums_.expert_load.size()) continue;
      for (const ChunkPlan& chunk : layer_group.chunks) {
        CountReceived(epoch.placement[g], chunk, plan.rank - group.base, plan.rank, &sums_.expert_load[g],
                      &sums_.rank_load[g]);
        CountSent(draft.topology, group, plan.rank, chunk, &sums_);
      }
    }
  }
}

JobSums JobStatistics::Read() const {
  MutexLock lock(&mutex_);
  return sums_;
}

}  // namespace grouter
