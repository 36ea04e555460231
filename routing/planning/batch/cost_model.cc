#include "routing/planning/batch/cost_model.h"

#include <algorithm>

#include "routing/planning/batch/rank_plan.h"

namespace grouter {
namespace {

using Wide = unsigned __int128;

uint64_t LinkNs(uint64_t rows, uint64_t row_bytes, const Link& link) {
  if (rows == 0) return 0;
  return static_cast<uint64_t>(Wide{rows} * row_bytes * 1'000'000'000 / link.bytes_per_second) +
         link.latency_ns;
}

// Rows between the ranks of one EP group, as the protocol sends them, split by the link they take.
struct RankRows {
  uint64_t out_sent = 0, out_received = 0, up_sent = 0, up_received = 0, pairs = 0;
};

void AddRows(const EpGroup& group, uint32_t from, uint32_t to, uint64_t rows, std::vector<RankRows>* ranks) {
  if (from == to) return;
  const bool near = group.block_of_rank[from] == group.block_of_rank[to];
  ((*ranks)[from].*(near ? &RankRows::up_sent : &RankRows::out_sent)) += rows;
  ((*ranks)[to].*(near ? &RankRows::up_received : &RankRows::out_received)) += rows;
}

std::vector<RankRows> RowsOfChunk(const TrafficModel& model, const MicroBatchTraffic& traffic, uint32_t l,
                                  uint32_t c, const EpGroup& group) {
  const LayerPlacement& layer = model.placement()[l];
  const DispatchProtocol protocol = model.draft().protocol;
  std::vector<RankRows> ranks(group.ep_size());
  std::vector<uint64_t> pairs_to(group.ep_size());
  for (uint32_t s = 0; s < group.ep_size(); ++s) {
    const uint32_t source = group.first_world_rank + s;
    std::fill(pairs_to.begin(), pairs_to.end(), 0);
    const auto pairs = traffic.Pairs(l, c, source);
    for (uint32_t e = 0; e < layer.num_experts(); ++e) {
      if (layer.SlotsOf(e).size() == 1) pairs_to[layer.OwnerOf(e).rank] += pairs[e];
    }
    for (const ReplicaQuota& quota : traffic.Quotas(l, c, source)) {
      pairs_to[layer.FromGlobalSlot(quota.global_slot).rank] += quota.num_tokens;
    }
    const auto rows = traffic.RankRows(l, c, source);
    for (uint32_t r = 0; r < group.ep_size(); ++r) {
      ranks[r].pairs += pairs_to[r];
      if (protocol == DispatchProtocol::kOncePerNode) {
        AddRows(group, group.RelayOf(s, group.block_of_rank[r]), r, rows[r], &ranks);
      } else {
        AddRows(group, s, r, protocol == DispatchProtocol::kCopyPerExpert ? pairs_to[r] : rows[r], &ranks);
      }
    }
    if (protocol != DispatchProtocol::kOncePerNode) continue;
    const auto blocks = traffic.BlockRows(l, c, source);
    for (uint32_t b = 0; b < group.num_blocks(); ++b)
      AddRows(group, s, group.RelayOf(s, b), blocks[b], &ranks);
  }
  return ranks;
}

}  // namespace

MoeCost& MoeCost::operator+=(const MoeCost& other) {
  scale_out_ns += other.scale_out_ns;
  scale_up_ns += other.scale_up_ns;
  expert_ns += other.expert_ns;
  scale_out_rows += other.scale_out_rows;
  scale_up_rows += other.scale_up_rows;
  return *this;
}

uint64_t PredictMicroBatchNs(const TrafficModel& model, const MicroBatchTraffic& traffic) {
  return PredictMicroBatchCost(model, traffic).total_ns();
}

MoeCost PredictMicroBatchCost(const TrafficModel& model, const MicroBatchTraffic& traffic) {
  const ModelShape& shape = model.draft().model;
  const Topology& topology = model.draft().topology;
  const uint64_t flops_per_pair = 2 * shape.expert_weight_bytes / std::max(shape.activation_bytes, 1u);
  MoeCost cost;
  for (uint32_t l = 0; l < model.num_layer_groups(); ++l) {
    for (uint32_t c = 0; c < model.draft().batch.num_chunks; ++c) {
      uint64_t slowest_out = 0, slowest_up = 0, slowest_rank = 0;
      for (const EpGroup& group : model.world().groups) {
        const std::vector<RankRows> ranks = RowsOfChunk(model, traffic, l, c, group);
        for (uint32_t r = 0; r < ranks.size(); ++r) {
          const TopologyNode& node = topology.nodes[group.node_of_block[group.block_of_rank[r]]];
          const uint64_t out =
              LinkNs(std::max(ranks[r].out_sent, ranks[r].out_received), model.row_bytes(), node.scale_out);
          const uint64_t up =
              LinkNs(std::max(ranks[r].up_sent, ranks[r].up_received), model.row_bytes(), node.scale_up);
          slowest_out = std::max(slowest_out, out);
          slowest_up = std::max(slowest_up, up);
          cost.scale_out_rows += model.num_layers(l) * ranks[r].out_sent;
          cost.scale_up_rows += model.num_layers(l) * ranks[r].up_sent;
          const Wide flops = Wide{ranks[r].pairs} * flops_per_pair * 1'000'000'000;
          slowest_rank = std::max(slowest_rank, static_cast<uint64_t>(flops / node.flops_per_second));
        }
      }
      const bool out_is_slower = slowest_out >= slowest_up;
      (out_is_slower ? cost.scale_out_ns : cost.scale_up_ns) +=
          model.num_layers(l) * 4 * std::max(slowest_out, slowest_up);
      cost.expert_ns += model.num_layers(l) * 3 * slowest_rank;
    }
  }
  return cost;
}

}  // namespace grouter
