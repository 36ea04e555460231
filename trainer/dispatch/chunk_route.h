// Routes as the dispatch pipeline wants them: which rows leave, which pairs they carry, how many arrive.
//
// Words: a *pair* is (token, expert); a *row* is what travels for one token to one rank and carries one or
// more pairs; a *choice* is token * k + topk rank, the index of a pair's gate weight in [T, k]; a *block* is
// the EP group's ranks on one node. With once_per_node a row goes to a *relay* in the block that needs it,
// which forwards it once to each rank of the block that its pairs name.
#ifndef GROUTER_TRAINER_DISPATCH_CHUNK_ROUTE_H_
#define GROUTER_TRAINER_DISPATCH_CHUNK_ROUTE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "routing/planning/dispatch_layout.h"
#include "routing/planning/ep_group.h"
#include "routing/planning/placement.h"
#include "routing/planning/plan.h"
#include "trainer/collectives/collectives.h"
#include "trainer/device/index_upload.h"

namespace grouter {

// A chunk's arrays where the device reads them.
struct ChunkIndices {
  const int32_t* row_token = nullptr;
  const uint32_t* row_first_pair = nullptr;
  const int32_t* pair_slot = nullptr;
  const int32_t* pair_choice = nullptr;
  const uint32_t* recv_first_pair = nullptr;
  const uint32_t* relay_first_row = nullptr;
};

// What this rank forwards and is forwarded inside its block; empty unless the protocol is once_per_node.
struct ChunkRelay {
  std::vector<uint32_t> send_splits;  // [ep_size] rows
  std::vector<uint32_t> recv_splits;  // [ep_size] rows
  std::vector<uint32_t> first_row;    // [block size + 1] sums of send_splits over the block
};

// One chunk, one layer group, seen from one rank. Rows lie in sending order: by destination rank, then as the
// protocol says. A row's pairs ascend by slot.
struct ChunkRoute {
  uint32_t first_token = 0;
  uint32_t num_tokens = 0;
  std::vector<int32_t> row_token;         // [rows sent] token inside the micro-batch
  std::vector<uint32_t> row_first_pair;   // [rows sent + 1]
  std::vector<int32_t> pair_slot;         // [pairs sent] slot at the destination: the rank's, or its block's
  std::vector<int32_t> pair_choice;       // [pairs sent]
  std::vector<uint32_t> send_splits;      // [ep_size] rows
  std::vector<uint32_t> recv_splits;      // [ep_size] rows
  std::vector<uint32_t> recv_pairs;       // [local slots] pairs that arrive for each
  std::vector<uint32_t> recv_first_pair;  // [local slots + 1] their sums
  ChunkRelay relay;
  bool is_uploaded = false;  // else the host's arrays serve: its memory is the device's
  ChunkIndices on_device;

  uint32_t num_sent() const { return static_cast<uint32_t>(row_token.size()); }
  uint32_t num_received() const;
  // Rows that reach the experts here: those received, or those that relays forwarded.
  uint32_t num_arrived() const;
  uint32_t num_pairs_received() const;
  ChunkIndices indices() const {
    if (is_uploaded) return on_device;
    return {row_token.data(),   row_first_pair.data(),  pair_slot.data(),
            pair_choice.data(), recv_first_pair.data(), relay.first_row.data()};
  }
};

// All chunks of a micro-batch in one layer group.
struct MicroBatchRoute {
  uint32_t k = 0;
  uint32_t row_pairs = 0;      // most pairs a row can bring to any rank's experts; the same on all ranks
  uint32_t sent_pairs = 0;     // most pairs a row carries when it leaves its token's rank; likewise
  std::vector<int32_t> ids;    // [T, k] experts, -1: none
  std::vector<float> weights;  // [T, k] stored gate weights, empty when they are live
  std::vector<ChunkRoute> chunks;
  std::vector<uint32_t> relay_first_slot;  // [block size + 1] the block's slots by rank; empty: no relays
  bool is_uploaded = false;
  const int32_t* ids_on_device = nullptr;
  const float* weights_on_device = nullptr;
  const uint32_t* relay_first_slot_on_device = nullptr;

  bool has_relays() const { return !relay_first_slot.empty(); }
  const int32_t* device_ids() const { return is_uploaded ? ids_on_device : ids.data(); }
  const float* device_weights() const { return is_uploaded ? weights_on_device : weights.data(); }
  const uint32_t* device_relay_first_slot() const {
    return is_uploaded ? relay_first_slot_on_device : relay_first_slot.data();
  }
  // Does any chunk bring pairs to this local slot?
  bool Needs(uint32_t slot) const;
};

// Names all arrays that the device reads to `upload`, whose Start then makes them the ones it reads.
void AddRoute(MicroBatchRoute* route, IndexUpload* upload);

// Most pairs in one row at the experts' rank: one with copy_per_expert, else as many as a rank has slots or a
// token choices.
uint32_t RowPairs(const LayerPlacement& placement, uint32_t k, DispatchProtocol protocol);
// The same of a row as it leaves: with once_per_node as many as a block has slots or a token choices.
uint32_t SentPairs(const LayerPlacement& placement, uint32_t k, DispatchProtocol protocol,
                   const EpGroup& blocks);

// From a plan, exchanging nothing. INTERNAL when the rows laid out here are not the plan's splits.
// `ep_rank` is this rank inside its EP group; `k` bounds every token's choices, the same on all ranks.
absl::StatusOr<MicroBatchRoute> RouteFromPlan(const MicroBatchPlan& plan, const LayerGroupPlan& group,
                                              const LayerPlacement& placement, const JobDraft& job,
                                              uint32_t ep_rank, uint32_t k);

// How rows travel where no plan says so.
struct LiveDispatch {
  uint32_t num_chunks = 1;
  DispatchProtocol protocol = DispatchProtocol::kOncePerRank;
  EpGroup blocks;  // of this rank's EP group
};

// From ids known only now ([T, k], -1: none): what a trainer without a plan does. Exchanges the counts
// over `ep_group` and waits for them. REQUIRES: placement, blocks and ep_group of one size.
absl::StatusOr<MicroBatchRoute> RouteFromIds(const std::vector<int32_t>& ids, uint32_t num_tokens, uint32_t k,
                                             const LiveDispatch& dispatch, const LayerPlacement& placement,
                                             Collectives& ep_group);

}  // namespace grouter

#endif  // GROUTER_TRAINER_DISPATCH_CHUNK_ROUTE_H_
