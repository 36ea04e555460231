#include "routing/planning/batch/memory_model.h"

#include <algorithm>
#include <numeric>

namespace grouter {
namespace {

uint64_t Sum(const std::vector<uint32_t>& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

}  // namespace

uint64_t AlignedRows(absl::Span<const uint32_t> recv_counts, uint32_t num_slots, uint32_t alignment) {
  uint64_t rows = 0;
  for (uint32_t slot = 0; slot < num_slots; ++slot) {
    uint64_t pairs = 0;
    for (size_t i = slot; i < recv_counts.size(); i += num_slots) pairs += recv_counts[i];
    rows += (pairs + alignment - 1) / alignment * alignment;
  }
  return rows;
}

uint64_t ChunkPeakBytes(const ModelShape& model, const ChunkPlan& chunk) {
  const uint64_t row_bytes = uint64_t{model.hidden_size} * model.activation_bytes;
  const uint64_t received = Sum(chunk.recv_splits) + Sum(chunk.forward_recv_splits);
  return 2 * row_bytes * (Sum(chunk.send_splits) + received + chunk.aligned_rows);
}

uint64_t ExpertBytes(const ModelShape& model, const Placement& placement, uint32_t rank) {
  if (model.num_resident_experts > 0) {
    return model.num_resident_experts * (model.expert_weight_bytes + model.expert_gradient_bytes);
  }
  uint64_t slots = 0;
  for (uint32_t group : model.layer_group_of_layer) slots += placement[group].num_slots(rank);
  return slots * (model.expert_weight_bytes + model.expert_gradient_bytes + model.expert_master_bytes +
                  model.expert_moment_bytes);
}

uint64_t PlanBytes(const ModelShape& model, const Placement& placement, uint32_t rank,
                   const MicroBatchPlan& plan) {
  const uint64_t row_bytes = uint64_t{model.hidden_size} * model.activation_bytes;
  std::vector<uint64_t> layers(placement.size(), 0);
  for (uint32_t group : model.layer_group_of_layer) ++layers[group];
  uint64_t kept = 0, peak = 0;
  for (const LayerGroupPlan& group : plan.layer_groups) {
    for (const ChunkPlan& chunk : group.chunks) {
      kept += layers[group.layer_group] * chunk.aligned_rows * row_bytes;
      peak = std::max(peak, chunk.peak_bytes);
    }
  }
  return ExpertBytes(model, placement, rank) + (model.recompute_experts ? 0 : kept) + peak;
}

}  // namespace grouter
