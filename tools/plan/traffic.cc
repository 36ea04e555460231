#include "tools/plan/traffic.h"

#include <algorithm>
#include <utility>

#include "io/error.h"

namespace grouter {

absl::StatusOr<TrafficMatrix> TrafficOf(const BatchPlanner& planner, uint64_t num_steps,
                                        const std::function<void(uint64_t, uint64_t)>& progress) {
  const JobDraft& draft = planner.spec().draft;
  const uint32_t world = draft.topology.world_size();
  std::vector<uint64_t> layers_of_group;
  for (const uint32_t group : draft.model.layer_group_of_layer) {
    layers_of_group.resize(std::max<size_t>(layers_of_group.size(), group + 1));
    ++layers_of_group[group];
  }
  TrafficMatrix traffic(world, std::vector<uint64_t>(world));
  const uint64_t wanted = std::min(num_steps, planner.num_steps());
  for (uint64_t i = 0; i < wanted; ++i) {
    const uint64_t step = i * planner.num_steps() / wanted;
    for (uint32_t micro_batch = 0; micro_batch < draft.batch.num_micro_batches; ++micro_batch) {
      GROUTER_ASSIGN_OR_RETURN(const auto plans, planner.PlanMicroBatchForAll(step, micro_batch));
      for (uint32_t from = 0; from < world; ++from) {
        const uint32_t first_of_group = from / draft.ep_size * draft.ep_size;
        for (const LayerGroupPlan& group : plans[from].layer_groups) {
          for (const ChunkPlan& chunk : group.chunks) {
            for (uint32_t to = 0; to < draft.ep_size; ++to) {
              traffic[from][first_of_group + to] +=
                  chunk.send_splits[to] * layers_of_group[group.layer_group];
            }
          }
        }
      }
    }
    if (progress) progress(i + 1, wanted);
  }
  return traffic;
}

uint64_t RemoteRows(const TrafficMatrix& traffic) {
  uint64_t rows = 0;
  for (size_t from = 0; from < traffic.size(); ++from) {
    for (size_t to = 0; to < traffic[from].size(); ++to) {
      if (from != to) rows += traffic[from][to];
    }
  }
  return rows;
}

absl::StatusOr<std::unique_ptr<const BatchPlanner>> MakeInOrderPlanner(
    JobDraft draft, const std::vector<std::shared_ptr<const RoutingTable>>& tables) {
  draft.batch.assignment = AssignmentPolicy::kInOrder;
  draft.model.num_slots_per_rank = 0;
  draft.model.num_resident_experts = 0;
  for (TopologyNode& node : draft.topology.nodes) node.memory_bytes = 0;
  const TableHeader& header = tables[0]->header();
  PlacementSchedule schedule;
  schedule.draft = draft.digest();
  schedule.epochs.resize(1);
  schedule.epochs[0].placement.assign(header.num_layer_groups,
                                      LayerPlacement::Contiguous(header.num_experts, draft.ep_size));
  JobSpec spec;
  spec.draft = std::move(draft);
  spec.schedule = schedule.digest();
  return BatchPlanner::Create(std::move(spec), tables, std::make_shared<const PlacementSchedule>(schedule));
}

}  // namespace grouter
