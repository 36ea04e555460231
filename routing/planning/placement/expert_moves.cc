#include "routing/planning/placement/expert_moves.h"

#include <algorithm>
#include <tuple>

#include "io/error.h"

namespace grouter {
namespace {

using Wide = unsigned __int128;

SlotRef NearestSlot(const LayerPlacement& from, uint32_t expert, uint32_t rank, const EpGroup& group) {
  SlotRef best = from.OwnerOf(expert);
  const auto distance = [&](SlotRef ref) {
    return ref.rank == rank ? 0 : group.block_of_rank[ref.rank] == group.block_of_rank[rank] ? 1 : 2;
  };
  for (const SlotRef& ref : from.SlotsOf(expert)) {
    if (distance(ref) < distance(best)) best = ref;
  }
  return best;
}

uint64_t LinkNs(const Link& link, uint64_t bytes, uint64_t moves) {
  if (moves == 0) return 0;
  return static_cast<uint64_t>(Wide{bytes} * 1'000'000'000u / std::max<uint64_t>(link.bytes_per_second, 1)) +
         moves * link.latency_ns;
}

}  // namespace

std::vector<ExpertMove> MovesBetween(const Placement& from, const Placement& to, const EpGroup& group) {
  GROUTER_CHECK(from.size() == to.size());
  std::vector<ExpertMove> moves;
  for (uint32_t g = 0; g < to.size(); ++g) {
    GROUTER_CHECK(from[g].ep_size() == to[g].ep_size() && from[g].num_experts() == to[g].num_experts());
    for (uint32_t rank = 0; rank < to[g].ep_size(); ++rank) {
      for (uint32_t slot = 0; slot < to[g].num_slots(rank); ++slot) {
        const uint32_t expert = to[g].ExpertAt({rank, slot});
        if (expert == kEmptySlot) continue;
        if (slot < from[g].num_slots(rank) && from[g].ExpertAt({rank, slot}) == expert) continue;
        moves.push_back({g, expert, NearestSlot(from[g], expert, rank, group), {rank, slot}});
      }
    }
  }
  return moves;
}

uint64_t BytesOfMove(const JobDraft& draft, uint32_t layer_group) {
  const ModelShape& model = draft.model;
  const uint64_t layers =
      std::count(model.layer_group_of_layer.begin(), model.layer_group_of_layer.end(), layer_group);
  return layers * (model.expert_weight_bytes + model.expert_master_bytes + model.expert_moment_bytes);
}

uint64_t MovedBytes(const JobDraft& draft, const std::vector<ExpertMove>& moves) {
  uint64_t bytes = 0;
  for (const ExpertMove& move : moves) {
    if (move.from.rank != move.to.rank) bytes += BytesOfMove(draft, move.layer_group);
  }
  return bytes;
}

uint64_t PredictMovesNs(const JobDraft& draft, const EpGroup& group, const std::vector<ExpertMove>& moves) {
  struct Traffic {
    uint64_t bytes = 0, moves = 0;
    void Add(uint64_t more) {
      bytes += more;
      ++moves;
    }
  };
  // [rank][0 up, 1 out], sent and received.
  std::vector<Traffic> sent(2 * group.ep_size()), received(2 * group.ep_size());
  for (const ExpertMove& move : moves) {
    if (move.from.rank == move.to.rank) continue;
    const uint32_t out = group.block_of_rank[move.from.rank] != group.block_of_rank[move.to.rank] ? 1 : 0;
    sent[2 * move.from.rank + out].Add(BytesOfMove(draft, move.layer_group));
    received[2 * move.to.rank + out].Add(BytesOfMove(draft, move.layer_group));
  }
  uint64_t longest = 0;
  for (uint32_t rank = 0; rank < group.ep_size(); ++rank) {
    const TopologyNode& node = draft.topology.nodes[group.node_of_block[group.block_of_rank[rank]]];
    for (const std::vector<Traffic>* way : {&sent, &received}) {
      const Traffic &up = (*way)[2 * rank], &out = (*way)[2 * rank + 1];
      longest = std::max(
          {longest, LinkNs(node.scale_up, up.bytes, up.moves), LinkNs(node.scale_out, out.bytes, out.moves)});
    }
  }
  return longest;
}

}  // namespace grouter
