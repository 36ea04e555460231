#include "routing/planning/dispatch_layout.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "routing/planning/ep_group.h"

namespace grouter {
namespace {

// Hands a source's tokens of replicated experts to their slots' cumulative quotas, in token order.
class QuotaReader {
 public:
  QuotaReader(const std::vector<ReplicaQuota>& quotas, uint32_t num_experts) : quotas_(quotas) {
    next_.assign(num_experts, kNone);
    for (size_t i = quotas.size(); i > 0; --i) {
      if (quotas[i - 1].expert < num_experts) next_[quotas[i - 1].expert] = static_cast<uint32_t>(i - 1);
    }
  }
  // The global slot for the expert's next token; kEmptySlot when the quotas are used up.
  uint32_t Next(uint32_t expert) {
    uint32_t& i = next_[expert];
    while (i < quotas_.size() && quotas_[i].expert == expert && quotas_[i].num_tokens == used_.Of(i)) ++i;
    if (i >= quotas_.size() || quotas_[i].expert != expert) return kEmptySlot;
    used_.Add(i);
    return quotas_[i].global_slot;
  }
  bool AllUsed() {
    for (size_t i = 0; i < quotas_.size(); ++i) {
      if (used_.Of(i) != quotas_[i].num_tokens) return false;
    }
    return true;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Counters {
    std::vector<uint32_t> counts;
    uint32_t Of(size_t i) const { return i < counts.size() ? counts[i] : 0; }
    void Add(size_t i) {
      if (i >= counts.size()) counts.resize(i + 1, 0);
      ++counts[i];
    }
  };
  const std::vector<ReplicaQuota>& quotas_;
  std::vector<uint32_t> next_;
  Counters used_;
};

absl::Status Bad(const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, what, "dispatch layout",
               "ask another server for the plan");
}

// (token, expert) pairs in token order, with the slot that serves each.
absl::Status CollectPairs(const MicroBatchPlan& plan, const LayerGroupPlan& group, const ChunkPlan& chunk,
                          const LayerPlacement& placement, std::vector<DispatchPair>* pairs) {
  QuotaReader quotas(chunk.quotas, placement.num_experts());
  const uint64_t end = uint64_t{chunk.first_token} + chunk.num_tokens;
  for (size_t s = 0; s < plan.samples.size(); ++s) {
    const PlannedSample& sample = plan.samples[s];
    const RouteView& view = group.routes[s];
    const uint64_t from = std::max<uint64_t>(chunk.first_token, sample.first_token);
    const uint64_t to = std::min<uint64_t>(end, uint64_t{sample.first_token} + sample.length);
    for (uint64_t token = from; token < to; ++token) {
      const uint32_t t = static_cast<uint32_t>(token - sample.first_token);
      const uint32_t k = view.NumTopk(t);
      for (uint32_t j = 0; j < k; ++j) {
        const uint32_t expert = view.Id(t, j);
        if (expert >= placement.num_experts()) return Bad(absl::StrCat("expert ", expert, " has no slot"));
        const auto slots = placement.SlotsOf(expert);
        SlotRef ref = slots[0];
        if (slots.size() > 1) {
          const uint32_t slot = quotas.Next(expert);
          if (slot >= placement.num_slots()) {
            return Bad(absl::StrCat("the quotas of expert ", expert, " do not cover its tokens"));
          }
          ref = placement.FromGlobalSlot(slot);
          if (placement.ExpertAt(ref) != expert)
            return Bad(absl::StrCat("a quota names a slot of another expert"));
        }
        DispatchPair pair;
        pair.token = static_cast<uint32_t>(token);
        pair.rank = ref.rank;
        pair.slot = ref.slot;
        pair.topk_rank = j;
        pairs->push_back(pair);
      }
    }
  }
  if (!quotas.AllUsed()) return Bad("quotas name more tokens than there are");
  return absl::OkStatus();
}

// Stable counting sort by bucket_of(pair) in [0, num_buckets).
template <typename BucketOf>
void SortByBucket(uint32_t num_buckets, BucketOf bucket_of, std::vector<DispatchPair>* pairs) {
  std::vector<uint32_t> begin(num_buckets + 1, 0);
  for (const DispatchPair& pair : *pairs) ++begin[bucket_of(pair) + 1];
  for (uint32_t b = 0; b < num_buckets; ++b) begin[b + 1] += begin[b];
  std::vector<DispatchPair> sorted(pairs->size());
  for (const DispatchPair& pair : *pairs) sorted[begin[bucket_of(pair)]++] = pair;
  *pairs = std::move(sorted);
}

// Numbers the rows: one per (bucket, token). Pairs of a row are put in order of (rank, slot); they are few.
template <typename BucketOf, typename SplitOf>
void NumberRows(BucketOf bucket_of, SplitOf split_of, DispatchLayout* layout) {
  auto& pairs = layout->pairs;
  for (size_t i = 0; i < pairs.size();) {
    size_t end = i + 1;
    while (end < pairs.size() && pairs[end].token == pairs[i].token &&
           bucket_of(pairs[end]) == bucket_of(pairs[i])) {
      ++end;
    }
    std::sort(pairs.begin() + i, pairs.begin() + end, [](const DispatchPair& a, const DispatchPair& b) {
      if (a.rank != b.rank) return a.rank < b.rank;
      return a.slot != b.slot ? a.slot < b.slot : a.topk_rank < b.topk_rank;
    });
    const uint32_t row = static_cast<uint32_t>(layout->row_token.size());
    layout->row_token.push_back(pairs[i].token);
    ++layout->send_splits[split_of(pairs[i])];
    for (; i < end; ++i) pairs[i].row = row;
  }
}

}  // namespace

absl::StatusOr<DispatchLayout> LayOutDispatch(const MicroBatchPlan& plan, const LayerGroupPlan& group,
                                              const ChunkPlan& chunk, const LayerPlacement& placement,
                                              DispatchProtocol protocol, const Topology& topology,
                                              uint32_t world_rank) {
  const uint32_t ep_size = placement.ep_size();
  if (group.routes.size() != plan.samples.size()) return Bad("routes and samples differ in number");
  if (world_rank >= topology.world_size() || ep_size == 0 || topology.world_size() % ep_size != 0) {
    return Bad(absl::StrCat("world rank ", world_rank, " and ep_size ", ep_size, " do not fit the topology"));
  }
  DispatchLayout layout;
  layout.send_splits.assign(ep_size, 0);
  GROUTER_RETURN_IF_ERROR(CollectPairs(plan, group, chunk, placement, &layout.pairs));
  const auto rank_of = [](const DispatchPair& pair) { return pair.rank; };
  switch (protocol) {
    case DispatchProtocol::kCopyPerExpert: {
      const auto slot_of = [&](const DispatchPair& p) {
        return placement.GlobalSlot(SlotRef{p.rank, p.slot});
      };
      SortByBucket(placement.num_slots(), slot_of, &layout.pairs);
      layout.row_token.reserve(layout.pairs.size());
      for (DispatchPair& pair : layout.pairs) {
        pair.row = static_cast<uint32_t>(layout.row_token.size());
        layout.row_token.push_back(pair.token);
        ++layout.send_splits[pair.rank];
      }
      break;
    }
    case DispatchProtocol::kOncePerRank:
      SortByBucket(ep_size, rank_of, &layout.pairs);
      NumberRows(rank_of, rank_of, &layout);
      break;
    case DispatchProtocol::kOncePerNode: {
      const EpGroup ep_group = EpGroupsOf(topology, ep_size)[world_rank / ep_size];
      const uint32_t source = world_rank % ep_size;
      const auto block_of = [&](const DispatchPair& pair) { return ep_group.block_of_rank[pair.rank]; };
      SortByBucket(ep_group.num_blocks(), block_of, &layout.pairs);
      NumberRows(
          block_of, [&](const DispatchPair& pair) { return ep_group.RelayOf(source, block_of(pair)); },
          &layout);
      break;
    }
  }
  return layout;
}

}  // namespace grouter
