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

// Rows from live ids: every expert is served by its owner.
void LayOutIds(const std::vector<int32_t>& ids, uint32_t k, const LayerPlacement& placement,
               DispatchProtocol protocol, ChunkRoute* route) {
  std::vector<DispatchPair> pairs;
  for (uint32_t t = route->first_token; t < route->first_token + route->num_tokens; ++t) {
    for (uint32_t j = 0; j < k; ++j) {
      if (ids[t * k + j] < 0) continue;
      const SlotRef owner = placement.OwnerOf(static_cast<uint32_t>(ids[t * k + j]));
      pairs.push_back({t, owner.rank, owner.slot, j, 0});
    }
  }
  const bool row_per_pair = protocol == DispatchProtocol::kCopyPerExpert;
  std::sort(pairs.begin(), pairs.end(), [&](const DispatchPair& a, const DispatchPair& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    if (row_per_pair) return a.slot != b.slot ? a.slot < b.slot : a.token < b.token;
    return a.token != b.token ? a.token < b.token : a.slot < b.slot;
  });
  route->send_splits.assign(placement.ep_size(), 0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const bool same_row =
        !row_per_pair && i > 0 && pairs[i].rank == pairs[i - 1].rank && pairs[i].token == pairs[i - 1].token;
    if (!same_row) {
      route->row_token.push_back(static_cast<int32_t>(pairs[i].token));
      ++route->send_splits[pairs[i].rank];
    }
    pairs[i].row = static_cast<uint32_t>(route->row_token.size()) - 1;
  }
  TakePairs(pairs, route->num_sent(), k, route);
}

}  // namespace

uint32_t ChunkRoute::num_received() const {
  return std::accumulate(recv_splits.begin(), recv_splits.end(), uint32_t{0});
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
  for (ChunkRoute& chunk : route->chunks) {
    chunk.is_uploaded = true;
    upload->Add(chunk.row_token, &chunk.on_device.row_token);
    upload->Add(chunk.row_first_pair, &chunk.on_device.row_first_pair);
    upload->Add(chunk.pair_slot, &chunk.on_device.pair_slot);
    upload->Add(chunk.pair_choice, &chunk.on_device.pair_choice);
    upload->Add(chunk.recv_first_pair, &chunk.on_device.recv_first_pair);
  }
}

uint32_t RowPairs(const LayerPlacement& placement, uint32_t k, DispatchProtocol protocol) {
  if (protocol == DispatchProtocol::kCopyPerExpert) return 1;
  uint32_t most_slots = 0;
  for (uint32_t r = 0; r < placement.ep_size(); ++r)
    most_slots = std::max(most_slots, placement.num_slots(r));
  return std::min(k, most_slots);
}

absl::Status CheckProtocol(DispatchProtocol protocol) {
  if (protocol == DispatchProtocol::kOncePerRank || protocol == DispatchProtocol::kCopyPerExpert) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kUnimplemented,
               "the job's dispatch protocol once_per_node is not spoken here", "JobSpec.protocol",
               "make a job with once_per_rank or copy_per_expert");
}

absl::StatusOr<MicroBatchRoute> RouteFromPlan(const MicroBatchPlan& plan, const LayerGroupPlan& group,
                                              const LayerPlacement& placement, const JobDraft& job,
                                              uint32_t ep_rank, uint32_t k) {
  GROUTER_RETURN_IF_ERROR(CheckProtocol(job.protocol));
  MicroBatchRoute route;
  route.k = k;
  route.row_pairs = RowPairs(placement, route.k, job.protocol);
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
    GROUTER_ASSIGN_OR_RETURN(
        const DispatchLayout layout,
        LayOutDispatch(plan, group, chunk, placement, job.protocol, job.topology, plan.rank));
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
    TakePairs(layout.pairs, out.num_sent(), route.k, &out);
    SumPairs(&out);
    route.chunks.push_back(std::move(out));
  }
  return route;
}

absl::StatusOr<MicroBatchRoute> RouteFromIds(const std::vector<int32_t>& ids, uint32_t num_tokens, uint32_t k,
                                             uint32_t num_chunks, const LayerPlacement& placement,
                                             DispatchProtocol protocol, Collectives& ep_group) {
  GROUTER_RETURN_IF_ERROR(CheckProtocol(protocol));
  MicroBatchRoute route;
  route.k = k;
  route.row_pairs = RowPairs(placement, k, protocol);
  route.ids = ids;
  const uint32_t ep_size = placement.ep_size();
  const uint32_t num_slots = placement.num_slots(ep_group.rank());
  for (uint32_t c = 0; c < num_chunks; ++c) {
    ChunkRoute chunk;
    chunk.first_token = static_cast<uint32_t>(uint64_t{num_tokens} * c / num_chunks);
    chunk.num_tokens = static_cast<uint32_t>(uint64_t{num_tokens} * (c + 1) / num_chunks) - chunk.first_token;
    LayOutIds(ids, k, placement, protocol, &chunk);
    route.chunks.push_back(std::move(chunk));
  }
  // One message per rank: for every chunk the number of rows, then of pairs per slot of the receiver.
  std::vector<uint32_t> send, send_words(ep_size), recv_words(ep_size, num_chunks * (1 + num_slots));
  for (uint32_t r = 0; r < ep_size; ++r) {
    send_words[r] = num_chunks * (1 + placement.num_slots(r));
    for (const ChunkRoute& chunk : route.chunks) {
      std::vector<uint32_t> pairs(placement.num_slots(r), 0);
      uint32_t first_row = 0;
      for (uint32_t q = 0; q < r; ++q) first_row += chunk.send_splits[q];
      const uint32_t end_row = first_row + chunk.send_splits[r];
      for (uint32_t p = chunk.row_first_pair[first_row]; p < chunk.row_first_pair[end_row]; ++p) {
        ++pairs[chunk.pair_slot[p]];
      }
      send.push_back(chunk.send_splits[r]);
      send.insert(send.end(), pairs.begin(), pairs.end());
    }
  }
  std::vector<uint32_t> recv(size_t{ep_size} * num_chunks * (1 + num_slots));
  RowExchange exchange;
  exchange.kind = ExchangeKind::kCounts;
  exchange.row_bytes = sizeof(uint32_t);
  exchange.send = send.data();
  exchange.send_rows = send_words;
  exchange.recv = recv.data();
  exchange.recv_rows = recv_words;
  GROUTER_RETURN_IF_ERROR(ep_group.AllToAll(exchange));
  size_t at = 0;
  for (ChunkRoute& chunk : route.chunks) {
    chunk.recv_splits.assign(ep_size, 0);
    chunk.recv_pairs.assign(num_slots, 0);
  }
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (ChunkRoute& chunk : route.chunks) {
      chunk.recv_splits[r] = recv[at++];
      for (uint32_t s = 0; s < num_slots; ++s) chunk.recv_pairs[s] += recv[at++];
    }
  }
  for (ChunkRoute& chunk : route.chunks) SumPairs(&chunk);
  return route;
}

}  // namespace grouter
