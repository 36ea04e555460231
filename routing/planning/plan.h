// Plans as plain values: what one rank needs to know of one step before the step begins.
//
// A plan has one *step part* and M *micro-batch plans*. Splits are indexed by rank inside the EP group, plan
// keys by world rank. Rows, tokens and slots are counted, bytes are named so.
#ifndef GROUTER_ROUTING_PLANNING_PLAN_H_
#define GROUTER_ROUTING_PLANNING_PLAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "io/digest.h"
#include "routing/planning/job.h"
#include "routing/planning/placement.h"
#include "routing/table/routing_table.h"

namespace grouter {

struct PlanKey {
  Digest job;
  uint64_t step = 0;
  uint32_t rank = 0;  // world rank
};

// A stored expert of this rank, by the layer it belongs to.
struct ExpertUse {
  uint32_t layer = 0;  // MoE layer
  uint32_t slot = 0;   // local
};

// One use of a stored expert of this rank. A step's access sequence runs over the micro-batches in order:
// forward through the layers, chunk by chunk, then backward through the same (layer, chunk) pairs in reverse.
// Inside one (layer, chunk) the slots that receive tokens follow each other: ascending when everything is
// resident, else those already on the device first, then the missing ones, both ascending.
struct ExpertAccess {
  uint32_t micro_batch = 0;
  uint32_t layer = 0;
  uint32_t chunk = 0;
  uint32_t slot = 0;
  bool backward = false;
};

enum class TransferKind : uint8_t {
  kFetch = 0,            // host or disk -> device
  kEvict = 1,            // forget a clean copy
  kWriteBack = 2,        // device -> host or disk, then forget
  kMigrate = 3,          // rank -> rank, at the begin of a placement epoch
  kReduceGradient = 4,   // a replica's gradient to the owner
  kBroadcastWeight = 5,  // the owner's new weight to a replica
};

// `before_use`: index into the step's access sequence that needs it done (its length: after the last use);
// transfers are in issue order, and those between ranks in one order that all ranks of an EP group share.
struct Transfer {
  TransferKind kind = TransferKind::kFetch;
  bool outgoing = false;  // between ranks: this rank sends; false: it receives (or both, inside one rank)
  uint32_t layer = 0;
  uint32_t expert = 0;
  uint32_t slot = 0;       // local slot concerned
  uint32_t peer_rank = 0;  // inside the EP group; this rank for host transfers
  uint64_t bytes = 0;
  uint64_t before_use = 0;
};

struct StepPart {
  uint64_t step = 0;
  uint64_t num_steps = 0;              // of the job
  uint32_t placement_epoch = 0;        // index into the schedule
  uint64_t first_sample_position = 0;  // consumed samples before this step
  uint32_t num_samples = 0;            // of this step, all ranks
  Digest sample_list_digest;           // SHA-256 over (u32 table, u64 sample) of the step's samples in order
  uint64_t num_loss_tokens = 0;        // of this step, all ranks
  uint64_t num_tokens = 0;
  std::vector<ExpertUse> need_order;   // first needs of this rank's stored experts, in order
  uint64_t num_accesses = 0;           // length of the access sequence
  std::vector<ExpertAccess> accesses;  // the sequence; empty when all experts are resident
  std::vector<Transfer> transfers;
};

// One sample of a micro-batch on this rank; tokens lie one sample after the other.
struct PlannedSample {
  uint32_t table = 0;  // index into the job's tables
  uint64_t sample = 0;
  uint32_t first_token = 0;  // inside the micro-batch
  uint32_t length = 0;
  uint32_t num_loss_tokens = 0;
  uint32_t token_crc32c = 0;
};

// `num_tokens` of this source's tokens for `expert` go to `slot`. An expert with one slot has no quota. The
// quotas of an expert are in slot order (ascending GlobalSlot); the source sends its chunk's tokens of that
// expert, in token order, to the slots' cumulative quotas.
struct ReplicaQuota {
  uint32_t expert = 0;
  uint32_t global_slot = 0;
  uint32_t num_tokens = 0;
};

// Tokens [first_token, first_token + num_tokens) of this rank's micro-batch, in one layer group: what
// dispatch sends and receives. Combine is the reverse.
struct ChunkPlan {
  uint32_t first_token = 0;
  uint32_t num_tokens = 0;
  std::vector<uint32_t> send_splits;  // [ep_size] rows to each rank
  std::vector<uint32_t> recv_splits;  // [ep_size] rows from each rank
  std::vector<uint32_t> recv_counts;  // [ep_size][num local slots] (token, slot) pairs from each source
  // once_per_node only, else empty: the second hop, inside the node.
  std::vector<uint32_t> forward_send_splits;  // [ep_size]
  std::vector<uint32_t> forward_recv_splits;  // [ep_size]
  std::vector<ReplicaQuota> quotas;
  uint64_t aligned_rows = 0;  // sum over local slots of pairs rounded up to row_alignment
  uint64_t peak_bytes = 0;    // of the MoE path's buffers for this chunk
};

// `num_tokens_per_expert` of the trainer = column sums of recv_counts.
struct LayerGroupPlan {
  uint32_t layer_group = 0;
  std::vector<RouteView> routes;  // [samples], aligned with MicroBatchPlan::samples
  std::vector<ChunkPlan> chunks;  // [num_chunks]
};

// What a client can check of its own plan (certificate.h).
struct Certificate {
  uint32_t crc32c = 0;          // CRC-32C over all route planes of the encoded plan, in order
  uint64_t num_pairs_sent = 0;  // (token, expert) pairs of this rank's tokens
  uint64_t num_pairs_received = 0;
  uint64_t max_rank_pairs = 0;  // of the busiest rank, all layer groups
  uint64_t mean_rank_pairs = 0;
};

// Views in `routes` point into `storage` (a received payload) or into the tables it keeps alive.
struct MicroBatchPlan {
  uint64_t step = 0;
  uint32_t rank = 0;
  uint32_t micro_batch = 0;
  uint32_t num_tokens = 0;
  std::vector<PlannedSample> samples;
  std::vector<LayerGroupPlan> layer_groups;
  Certificate certificate;
  std::vector<std::shared_ptr<const void>> storage;
};

// ---- canonical encoding (docs/plan_format.md) ----

// A payload in pieces: `head` is owned, then each route plane as it lies in the table. Concatenated they are
// the payload; frames cut it anywhere.
struct PlanPayload {
  std::string head;
  std::vector<absl::string_view> planes;
  std::vector<std::shared_ptr<const void>> storage;
  uint64_t num_bytes() const;
  std::string Flatten() const;
};

// Layer groups [first, first + count) of a plan: what a client that asks for a range gets. The certificate is
// made again for what is left. REQUIRES: the range lies within the plan.
MicroBatchPlan SelectLayerGroups(const MicroBatchPlan& plan, uint32_t first, uint32_t count);

// Both decoders: INVALID_ARGUMENT with the offset for bytes that are no plan, DATA_LOSS when the routes do
// not match the certificate's CRC, UNIMPLEMENTED for a newer version.
std::string EncodeStepPart(const StepPart& part);
absl::StatusOr<StepPart> DecodeStepPart(absl::string_view bytes);
PlanPayload EncodeMicroBatchPlan(const MicroBatchPlan& plan);
// The plan's views point into `bytes`, which `owner` keeps alive.
absl::StatusOr<MicroBatchPlan> DecodeMicroBatchPlan(absl::string_view bytes,
                                                    std::shared_ptr<const void> owner);

}  // namespace grouter

#endif  // GROUTER_ROUTING_PLANNING_PLAN_H_
