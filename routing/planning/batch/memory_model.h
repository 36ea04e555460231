// How many bytes of a device the MoE path of a plan takes, so that a plan that would not fit is refused
// before its step.
//
// One chunk holds at once, in rows of hidden_size x activation_bytes: the rows it sends and the sums that
// come back for them; the rows it receives and the sums it returns for them (with once_per_node also the rows
// it relays, both ways); the inputs of its experts, sorted by slot and padded to row_alignment, and their
// outputs.
#ifndef GROUTER_ROUTING_PLANNING_BATCH_MEMORY_MODEL_H_
#define GROUTER_ROUTING_PLANNING_BATCH_MEMORY_MODEL_H_

#include <cstdint>

#include "absl/types/span.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"

namespace grouter {

// Sum over local slots of their pairs, each rounded up to `alignment`. `recv_counts` is [sources][num_slots].
uint64_t AlignedRows(absl::Span<const uint32_t> recv_counts, uint32_t num_slots, uint32_t alignment);

// Bytes of the buffers above for one chunk whose splits and aligned_rows are filled in.
uint64_t ChunkPeakBytes(const ModelShape& model, const ChunkPlan& chunk);

// Bytes that experts take for the whole run on group rank `rank`: weights, gradients, masters and moments of
// all its slots in all layers; with num_resident_experts, weights and gradients of that many (the rest lives
// in the expert store).
uint64_t ExpertBytes(const ModelShape& model, const Placement& placement, uint32_t rank);

// ExpertBytes, the inputs kept for backward of one micro-batch (unless recompute_experts), and the largest
// chunk's buffers.
uint64_t PlanBytes(const ModelShape& model, const Placement& placement, uint32_t rank,
                   const MicroBatchPlan& plan);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_BATCH_MEMORY_MODEL_H_
