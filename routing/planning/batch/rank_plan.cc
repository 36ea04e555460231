#include "routing/planning/batch/rank_plan.h"

#include <algorithm>
#include <numeric>

#include "io/digest.h"
#include "routing/planning/batch/for_each.h"
#include "routing/planning/batch/memory_model.h"

namespace grouter {
namespace {

class ChunkMaker {
 public:
  ChunkMaker(const TrafficModel& model, const MicroBatchTraffic& traffic, uint32_t layer_group,
             uint32_t chunk, uint32_t rank)
      : model_(model),
        traffic_(traffic),
        layer_(model.placement()[layer_group]),
        group_(model.world().groups[rank / model.ep_size()]),
        l_(layer_group),
        c_(chunk),
        local_(rank % model.ep_size()),
        first_(group_.first_world_rank) {}

  ChunkPlan Make() {
    const uint32_t ep_size = model_.ep_size();
    const uint32_t rank = first_ + local_;
    ChunkPlan chunk;
    chunk.first_token = traffic_.ChunkBegin(rank, c_);
    chunk.num_tokens = traffic_.ChunkBegin(rank, c_ + 1) - chunk.first_token;
    const uint32_t num_slots = layer_.num_slots(local_);
    chunk.recv_counts.resize(size_t{ep_size} * num_slots);
    for (uint32_t s = 0; s < ep_size; ++s) {
      CountsForSlots(model_, traffic_, l_, c_, first_ + s, rank,
                     chunk.recv_counts.data() + size_t{s} * num_slots);
    }
    chunk.send_splits.assign(ep_size, 0);
    chunk.recv_splits.assign(ep_size, 0);
    FillSplits(&chunk);
    chunk.quotas = traffic_.Quotas(l_, c_, rank);
    chunk.aligned_rows = AlignedRows(chunk.recv_counts, num_slots, model_.draft().model.row_alignment);
    chunk.peak_bytes = ChunkPeakBytes(model_.draft().model, chunk);
    return chunk;
  }

 private:
  void FillSplits(ChunkPlan* chunk) const {
    const uint32_t ep_size = model_.ep_size();
    switch (model_.draft().protocol) {
      case DispatchProtocol::kOncePerRank: {
        const auto rows = traffic_.RankRows(l_, c_, first_ + local_);
        std::copy(rows.begin(), rows.end(), chunk->send_splits.begin());
        for (uint32_t s = 0; s < ep_size; ++s)
          chunk->recv_splits[s] = traffic_.RankRows(l_, c_, first_ + s)[local_];
        break;
      }
      case DispatchProtocol::kCopyPerExpert: {
        const uint32_t num_slots = layer_.num_slots(local_);
        for (uint32_t s = 0; s < ep_size; ++s) {
          const uint32_t* counts = chunk->recv_counts.data() + size_t{s} * num_slots;
          chunk->recv_splits[s] = std::accumulate(counts, counts + num_slots, uint32_t{0});
        }
        const auto pairs = traffic_.Pairs(l_, c_, first_ + local_);
        for (uint32_t e = 0; e < layer_.num_experts(); ++e) {
          if (layer_.SlotsOf(e).size() == 1) chunk->send_splits[layer_.OwnerOf(e).rank] += pairs[e];
        }
        for (const ReplicaQuota& quota : traffic_.Quotas(l_, c_, first_ + local_)) {
          chunk->send_splits[layer_.FromGlobalSlot(quota.global_slot).rank] += quota.num_tokens;
        }
        break;
      }
      case DispatchProtocol::kOncePerNode:
        FillHops(chunk);
        break;
    }
  }

  // First hop: source to the relay of each block. Second: relay to the ranks of its own block, for all the
  // sources it relays for.
  void FillHops(ChunkPlan* chunk) const {
    const uint32_t ep_size = model_.ep_size();
    const uint32_t block = group_.block_of_rank[local_];
    chunk->forward_send_splits.assign(ep_size, 0);
    chunk->forward_recv_splits.assign(ep_size, 0);
    const auto sent = traffic_.BlockRows(l_, c_, first_ + local_);
    for (uint32_t b = 0; b < group_.num_blocks(); ++b)
      chunk->send_splits[group_.RelayOf(local_, b)] += sent[b];
    for (uint32_t s = 0; s < ep_size; ++s) {
      const uint32_t relay = group_.RelayOf(s, block);
      const auto rows = traffic_.RankRows(l_, c_, first_ + s);
      chunk->forward_recv_splits[relay] += rows[local_];
      if (relay != local_) continue;
      chunk->recv_splits[s] = traffic_.BlockRows(l_, c_, first_ + s)[block];
      for (uint32_t r = group_.first_of_block[block]; r < group_.first_of_block[block + 1]; ++r) {
        chunk->forward_send_splits[r] += rows[r];
      }
    }
  }

  const TrafficModel& model_;
  const MicroBatchTraffic& traffic_;
  const LayerPlacement& layer_;
  const EpGroup& group_;
  const uint32_t l_, c_, local_, first_;
};

void FillCertificate(const MicroBatchTraffic& traffic, uint32_t world_size, MicroBatchPlan* plan) {
  Certificate& certificate = plan->certificate;
  for (const LayerGroupPlan& group : plan->layer_groups) {
    for (const RouteView& view : group.routes) {
      for (absl::string_view plane : {view.ids, view.weights, view.num_topk, view.missing}) {
        certificate.crc32c = Crc32c(plane.data(), plane.size(), certificate.crc32c);
      }
    }
    for (uint32_t c = 0; c < group.chunks.size(); ++c) {
      for (uint32_t pairs : traffic.Pairs(group.layer_group, c, plan->rank))
        certificate.num_pairs_sent += pairs;
      for (uint32_t pairs : group.chunks[c].recv_counts) certificate.num_pairs_received += pairs;
    }
  }
  uint64_t total = 0;
  for (uint32_t r = 0; r < world_size; ++r) {
    total += traffic.PairsComputed(r);
    certificate.max_rank_pairs = std::max(certificate.max_rank_pairs, traffic.PairsComputed(r));
  }
  certificate.mean_rank_pairs = total / world_size;
}

}  // namespace

void CountsForSlots(const TrafficModel& model, const MicroBatchTraffic& traffic, uint32_t layer_group,
                    uint32_t chunk, uint32_t source, uint32_t rank, uint32_t* counts) {
  const LayerPlacement& layer = model.placement()[layer_group];
  const uint32_t local = rank % model.ep_size();
  const auto pairs = traffic.Pairs(layer_group, chunk, source);
  for (uint32_t slot = 0; slot < layer.num_slots(local); ++slot) {
    const uint32_t expert = layer.ExpertAt(SlotRef{local, slot});
    counts[slot] = expert == kEmptySlot || layer.SlotsOf(expert).size() > 1 ? 0 : pairs[expert];
  }
  for (const ReplicaQuota& quota : traffic.Quotas(layer_group, chunk, source)) {
    const SlotRef ref = layer.FromGlobalSlot(quota.global_slot);
    if (ref.rank == local) counts[ref.slot] += quota.num_tokens;
  }
}

MicroBatchPlan PlanForRank(const TrafficModel& model, const MicroBatchTraffic& traffic, uint32_t rank) {
  MicroBatchPlan plan;
  plan.rank = rank;
  plan.num_tokens = traffic.NumTokens(rank);
  uint32_t first_token = 0;
  for (uint32_t s : traffic.SamplesOf(rank)) {
    const TrafficSample& sample = traffic.samples()[s];
    PlannedSample planned;
    planned.table = sample.table;
    planned.sample = sample.sample;
    planned.first_token = first_token;
    planned.length = sample.facts.length;
    planned.num_loss_tokens = sample.facts.num_loss_tokens;
    planned.token_crc32c = sample.facts.token_crc32c;
    plan.samples.push_back(planned);
    first_token += sample.facts.length;
  }
  for (uint32_t l = 0; l < model.num_layer_groups(); ++l) {
    LayerGroupPlan group;
    group.layer_group = l;
    for (uint32_t s : traffic.SamplesOf(rank)) group.routes.push_back(traffic.samples()[s].routes[l]);
    for (uint32_t c = 0; c < model.draft().batch.num_chunks; ++c) {
      group.chunks.push_back(ChunkMaker(model, traffic, l, c, rank).Make());
    }
    plan.layer_groups.push_back(std::move(group));
  }
  FillCertificate(traffic, model.draft().topology.world_size(), &plan);
  return plan;
}

std::vector<MicroBatchPlan> PlanForAllRanks(const TrafficModel& model, const MicroBatchTraffic& traffic,
                                            uint32_t num_threads) {
  std::vector<MicroBatchPlan> plans(model.draft().topology.world_size());
  ForEach(static_cast<uint32_t>(plans.size()), num_threads,
          [&](uint32_t rank) { plans[rank] = PlanForRank(model, traffic, rank); });
  return plans;
}

}  // namespace grouter
