#include "trainer/dispatch/chunk_route.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

float WeightAt(const RouteView& view, size_t i) {
  if (view.weight_type == WeightType::kFloat32) {
    float value;
    std::memcpy(&value, view.weights.data() + 4 * i, 4);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, view.weights.data() + 2 * i, 2);
  if (view.weight_type == WeightType::kBFloat16) {
    const uint32_t bits = uint32_t{half} << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }
  const uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
  float magnitude;
  if (exponent == 31) {
    const uint32_t bits = 0x7F800000u | fraction << 13;
    std::memcpy(&magnitude, &bits, 4);
  } else if (exponent == 0) {
    magnitude = static_cast<float>(fraction) * 0x1p-24f;
  } else {
    const uint32_t bits = (exponent + 112) << 23 | fraction << 13;
    std::memcpy(&magnitude, &bits, 4);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

// Rows and pairs from pairs in (rank, protocol's order); `pair.row` says which pairs share a row.
void TakePairs(const std::vector<DispatchPair>& pairs, uint32_t num_rows, uint32_t k, ChunkRoute* route) {
  route->row_first_pair.assign(num_rows + 1, 0);
  for (const DispatchPair& pair : pairs) {
    ++route->row_first_pair[pair.row + 1];
    route->pair_slot.push_back(static_cast<int32_t>(pair.slot));
    route->pair_choice.push_back(static_cast<int32_t>(pair.token * k + pair.topk_rank));
  }
  std::partial_sum(route->row_first_pair.begin(), route->row_first_pair.end(), route->row_first_pair.begin());
}

void SumPairs(ChunkRoute* route) {
  route->recv_first_pair.assign(route->recv_pairs.size() + 1, 0);
  std::partial_sum(route->recv_pairs.begin(), route->recv_pairs.end(), route->recv_first_pair.begin() + 1);
}

// The block's slots by rank, [block size + 1].
std::vector<uint32_t> FirstSlots(const LayerPlacement& placement, const EpGroup& blocks, uint32_t block) {
  std::vector<uint32_t> first = {0};
  for (uint32_t r = blocks.first_of_block[block]; r < blocks.first_of_block[block + 1]; ++r) {
    first.push_back(first.back() + placement.num_slots(r));
  }
  return first;
}

// What the pairs of rows to relays name: the block's slots, not the rank's.
void NameBlockSlots(const LayerPlacement& placement, const EpGroup& blocks,
                    std::vector<DispatchPair>* pairs) {
  std::vector<uint32_t> first_of_rank;
  for (uint32_t block = 0; block < blocks.num_blocks(); ++block) {
    const std::vector<uint32_t> first = FirstSlots(placement, blocks, block);
    first_of_rank.insert(first_of_rank.end(), first.begin(), first.end() - 1);
  }
  for (DispatchPair& pair : *pairs) pair.slot += first_of_rank[pair.rank];
}

// first_row, once the block's send_splits are known.
void SumRelay(const EpGroup& blocks, uint32_t rank, ChunkRelay* relay) {
  const uint32_t block = blocks.block_of_rank[rank];
  relay->first_row = {0};
  for (uint32_t r = blocks.first_of_block[block]; r < blocks.first_of_block[block + 1]; ++r) {
    relay->first_row.push_back(relay->first_row.back() + relay->send_splits[r]);
  }
}

uint32_t Sum(const std::vector<uint32_t>& values) {
  return std::accumulate(values.begin(), values.end(), uint32_t{0});
}

// Rows from live ids of rank `source`: every expert is served by its owner.
void LayOutIds(const std::vector<int32_t>& ids, uint32_t k, const LayerPlacement& placement, uint32_t source,
               const LiveDispatch& dispatch, ChunkRoute* route) {
  std::vector<DispatchPair> pairs;
  for (uint32_t t = route->first_token; t < route->first_token + route->num_tokens; ++t) {
    for (uint32_t j = 0; j < k; ++j) {
      if (ids[t * k + j] < 0) continue;
      const SlotRef owner = placement.OwnerOf(static_cast<uint32_t>(ids[t * k + j]));
      pairs.push_back({t, owner.rank, owner.slot, j, 0});
    }
  }
  const bool row_per_pair = dispatch.protocol == DispatchProtocol::kCopyPerExpert;
  const bool relays = dispatch.protocol == DispatchProtocol::kOncePerNode;
  const auto to = [&](const DispatchPair& pair) {
    return relays ? dispatch.blocks.RelayOf(source, dispatch.blocks.block_of_rank[pair.rank]) : pair.rank;
  };
  std::sort(pairs.begin(), pairs.end(), [&](const DispatchPair& a, const DispatchPair& b) {
    if (to(a) != to(b)) return to(a) < to(b);
    if (row_per_pair) return a.slot != b.slot ? a.slot < b.slot : a.token < b.token;
    if (a.token != b.token) return a.token < b.token;
    return a.rank != b.rank ? a.rank < b.rank : a.slot < b.slot;
  });
  route->send_splits.assign(placement.ep_size(), 0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const bool same_row =
        !row_per_pair && i > 0 && to(pairs[i]) == to(pairs[i - 1]) && pairs[i].token == pairs[i - 1].token;
    if (!same_row) {
      route->row_token.push_back(static_cast<int32_t>(pairs[i].token));
      ++route->send_splits[to(pairs[i])];
    }
    pairs[i].row = static_cast<uint32_t>(route->row_token.size()) - 1;
  }
  if (relays) NameBlockSlots(placement, dispatch.blocks, &pairs);
  TakePairs(pairs, route->num_sent(), k, route);
}

}  // namespace

uint32_t ChunkRoute::num_received() const { return Sum(recv_splits); }

uint32_t ChunkRoute::num_arrived() const {
  return relay.recv_splits.empty() ? num_received() : Sum(relay.recv_splits);
}

uint32_t ChunkRoute::num_pairs_received() const { return recv_first_pair.back(); }

bool MicroBatchRoute::Needs(uint32_t slot) const {
  return std::any_of(chunks.begin(), chunks.end(),
                     [slot](const ChunkRoute& chunk) { return chunk.recv_pairs[slot] > 0; });
}

void AddRoute(MicroBatchRoute* route, IndexUpload* upload) {
  route->is_uploaded = true;
  upload->Add(route->ids, &route->ids_on_device);
  upload->Add(route->weights, &route->weights_on_device);
  upload->Add(route->relay_first_slot, &route->relay_first_slot_on_device);
  for (ChunkRoute& chunk : route->chunks) {
    chunk.is_uploaded = true;
    upload->Add(chunk.row_token, &chunk.on_device.row_token);
    upload->Add(chunk.row_first_pair, &chunk.on_device.row_first_pair);
    upload->Add(chunk.pair_slot, &chunk.on_device.pair_slot);
    upload->Add(chunk.pair_choice, &chunk.on_device.pair_choice);
    upload->Add(chunk.recv_first_pair, &chunk.on_device.recv_first_pair);
    upload->Add(chunk.relay.first_row, &chunk.on_device.relay_first_row);
  }
}

uint32_t RowPairs(const LayerPlacement& placement, uint32_t k, DispatchProtocol protocol) {
  if (protocol == DispatchProtocol::kCopyPerExpert) return 1;
  uint32_t most_slots = 0;
  for (uint32_t r = 0; r < placement.ep_size(); ++r)
    most_slots = std::max(most_slots, placement.num_slots(r));
  return std::min(k, most_slots);
}

uint32_t SentPairs(const LayerPlacement& placement, uint32_t k, DispatchProtocol protocol,
                   const EpGroup& blocks) {
  if (protocol != DispatchProtocol::kOncePerNode) return RowPairs(placement, k, protocol);
  uint32_t most_slots = 0;
  for (uint32_t block = 0; block < blocks.num_blocks(); ++block) {
    most_slots = std::max(most_slots, FirstSlots(placement, blocks, block).back());
  }
  return std::min(k, most_slots);
}

absl::StatusOr<MicroBatchRoute> RouteFromPlan(const MicroBatchPlan& plan, const LayerGroupPlan& group,
                                              const LayerPlacement& placement, const JobDraft& job,
                                              uint32_t ep_rank, uint32_t k) {
  const bool relays = job.protocol == DispatchProtocol::kOncePerNode;
  const EpGroup blocks = EpGroupsOf(job.topology, job.ep_size)[plan.rank / job.ep_size];
  MicroBatchRoute route;
  route.k = k;
  route.row_pairs = RowPairs(placement, route.k, job.protocol);
  route.sent_pairs = SentPairs(placement, route.k, job.protocol, blocks);
  if (relays) route.relay_first_slot = FirstSlots(placement, blocks, blocks.block_of_rank[ep_rank]);
  route.ids.assign(size_t{plan.num_tokens} * route.k, -1);
  const bool stored = job.gate_weights == GateWeights::kStored;
  if (stored) route.weights.assign(route.ids.size(), 0.0f);
  for (size_t s = 0; s < plan.samples.size(); ++s) {
    const RouteView& view = group.routes[s];
    if (view.k > k) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("the table routes a token to up to ", view.k, " experts, the model to ", k),
                   absl::StrCat("table ", plan.samples[s].table),
                   "set num_experts_per_tok of the model to the table's k");
    }
    if (stored && view.weight_type == WeightType::kNone && view.k > 0) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   "the job wants stored gate weights, its table has none",
                   absl::StrCat("table ", plan.samples[s].table), "set gate_weights to live in the job");
    }
    for (uint32_t t = 0; t < view.num_tokens; ++t) {
      const size_t to = size_t{plan.samples[s].first_token + t} * route.k;
      for (uint32_t j = 0; j < view.NumTopk(t); ++j) {
        route.ids[to + j] = static_cast<int32_t>(view.Id(t, j));
        if (stored) route.weights[to + j] = WeightAt(view, size_t{t} * view.k + j);
      }
    }
  }
  const uint32_t num_slots = placement.num_slots(ep_rank);
  for (size_t c = 0; c < group.chunks.size(); ++c) {
    const ChunkPlan& chunk = group.chunks[c];
    GROUTER_ASSIGN_OR_RETURN(DispatchLayout layout, LayOutDispatch(plan, group, chunk, placement,
                                                                   job.protocol, job.topology, plan.rank));
    if (layout.send_splits != chunk.send_splits) {
      return Error(absl::StatusCode::kInternal, "the rows laid out are not the rows the plan counted",
                   absl::StrCat("step ", plan.step, ", micro-batch ", plan.micro_batch, ", layer group ",
                                group.layer_group, ", chunk ", c),
                   "use planner and trainer of one version");
    }
    ChunkRoute out;
    out.first_token = chunk.first_token;
    out.num_tokens = chunk.num_tokens;
    out.row_token.assign(layout.row_token.begin(), layout.row_token.end());
    out.send_splits = chunk.send_splits;
    out.recv_splits = chunk.recv_splits;
    out.recv_pairs.assign(num_slots, 0);
    for (size_t i = 0; i < chunk.recv_counts.size(); ++i)
      out.recv_pairs[i % num_slots] += chunk.recv_counts[i];
    if (relays) {
      NameBlockSlots(placement, blocks, &layout.pairs);
      out.relay.send_splits = chunk.forward_send_splits;
      out.relay.recv_splits = chunk.forward_recv_splits;
      SumRelay(blocks, ep_rank, &out.relay);
    }
    TakePairs(layout.pairs, out.num_sent(), route.k, &out);
    SumPairs(&out);
    route.chunks.push_back(std::move(out));
  }
  return route;
}

absl::StatusOr<MicroBatchRoute> RouteFromIds(const std::vector<int32_t>& ids, uint32_t num_tokens, uint32_t k,
                                             const LiveDispatch& dispatch, const LayerPlacement& placement,
                                             Collectives& ep_group) {
  const bool relays = dispatch.protocol == DispatchProtocol::kOncePerNode;
  const EpGroup& blocks = dispatch.blocks;
  const uint32_t me = ep_group.rank(), ep_size = placement.ep_size(), num_chunks = dispatch.num_chunks;
  const uint32_t num_slots = placement.num_slots(me);
  MicroBatchRoute route;
  route.k = k;
  route.row_pairs = RowPairs(placement, k, dispatch.protocol);
  route.sent_pairs = SentPairs(placement, k, dispatch.protocol, blocks);
  if (relays) route.relay_first_slot = FirstSlots(placement, blocks, blocks.block_of_rank[me]);
  route.ids = ids;
  for (uint32_t c = 0; c < num_chunks; ++c) {
    ChunkRoute chunk;
    chunk.first_token = static_cast<uint32_t>(uint64_t{num_tokens} * c / num_chunks);
    chunk.num_tokens = static_cast<uint32_t>(uint64_t{num_tokens} * (c + 1) / num_chunks) - chunk.first_token;
    LayOutIds(ids, k, placement, me, dispatch, &chunk);
    chunk.recv_splits.assign(ep_size, 0);
    chunk.recv_pairs.assign(num_slots, 0);
    if (relays) {
      chunk.relay.send_splits.assign(ep_size, 0);
      chunk.relay.recv_splits.assign(ep_size, 0);
    }
    route.chunks.push_back(std::move(chunk));
  }
  // One message per rank, chunk by chunk: the rows to it; for each rank of its block those that it is to
  // forward; those that will be forwarded to it; the pairs for each of its slots.
  const auto words = [&](uint32_t rank) {
    const uint32_t of_relay = relays ? blocks.block_size(blocks.block_of_rank[rank]) + 1 : 0;
    return num_chunks * (1 + of_relay + placement.num_slots(rank));
  };
  std::vector<uint32_t> send, send_words(ep_size), recv_words(ep_size, words(me));
  for (uint32_t r = 0; r < ep_size; ++r) {
    send_words[r] = words(r);
    const uint32_t block = relays ? blocks.block_of_rank[r] : 0;
    const uint32_t by = relays ? blocks.RelayOf(me, block) : r;
    const uint32_t first_rank = relays ? blocks.first_of_block[block] : r;
    const std::vector<uint32_t> first_slot =
        relays ? FirstSlots(placement, blocks, block) : std::vector<uint32_t>{0, placement.num_slots(r)};
    for (const ChunkRoute& chunk : route.chunks) {
      std::vector<uint32_t> forwarded(first_slot.size() - 1, 0), pairs(first_slot.back(), 0);
      const uint32_t first_row =
          std::accumulate(chunk.send_splits.begin(), chunk.send_splits.begin() + by, uint32_t{0});
      for (uint32_t row = first_row; row < first_row + chunk.send_splits[by]; ++row) {
        size_t last = forwarded.size();
        for (uint32_t p = chunk.row_first_pair[row]; p < chunk.row_first_pair[row + 1]; ++p) {
          const auto slot = static_cast<uint32_t>(chunk.pair_slot[p]);
          ++pairs[slot];
          const size_t to =
              std::upper_bound(first_slot.begin(), first_slot.end(), slot) - first_slot.begin() - 1;
          if (to != last) ++forwarded[to];
          last = to;
        }
      }
      send.push_back(chunk.send_splits[r]);
      if (relays) {
        if (by != r) {
          send.insert(send.end(), forwarded.size(), 0);
        } else {
          send.insert(send.end(), forwarded.begin(), forwarded.end());
        }
        send.push_back(forwarded[r - first_rank]);
      }
      const auto slots = pairs.begin() + first_slot[r - first_rank];
      send.insert(send.end(), slots, slots + placement.num_slots(r));
    }
  }
  std::vector<uint32_t> recv(size_t{ep_size} * words(me));
  RowExchange exchange;
  exchange.kind = ExchangeKind::kCounts;
  exchange.row_bytes = sizeof(uint32_t);
  exchange.send = send.data();
  exchange.send_rows = send_words;
  exchange.recv = recv.data();
  exchange.recv_rows = recv_words;
  GROUTER_RETURN_IF_ERROR(ep_group.AllToAll(exchange));
  const uint32_t block = relays ? blocks.block_of_rank[me] : 0;
  size_t at = 0;
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (ChunkRoute& chunk : route.chunks) {
      chunk.recv_splits[r] = recv[at++];
      if (relays) {
        for (uint32_t q = blocks.first_of_block[block]; q < blocks.first_of_block[block + 1]; ++q) {
          chunk.relay.send_splits[q] += recv[at++];
        }
        chunk.relay.recv_splits[blocks.RelayOf(r, block)] += recv[at++];
      }
      for (uint32_t s = 0; s < num_slots; ++s) chunk.recv_pairs[s] += recv[at++];
    }
  }
  for (ChunkRoute& chunk : route.chunks) {
    SumPairs(&chunk);
    if (relays) SumRelay(blocks, me, &chunk.relay);
  }
  return route;
}

}  // namespace grouter
