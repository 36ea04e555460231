#include "routing/planning/certificate.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/digest.h"
#include "io/error.h"

namespace grouter {
namespace {

template <typename... Parts>
absl::Status Wrong(const Parts&... parts) {
  return Error(absl::StatusCode::kDataLoss, absl::StrCat("the plan fails its check: ", parts...), "",
               "ask another server, and report it");
}

template <typename A, typename B>
absl::Status Expect(absl::string_view what, A got, B want) {
  if (got == want) return absl::OkStatus();
  return Wrong(what, " is ", got, ", counted ", want);
}

uint64_t Total(const std::vector<uint32_t>& values) {
  uint64_t sum = 0;
  for (uint32_t value : values) sum += value;
  return sum;
}

// A group's ranks by machine, worked out from the list of nodes alone.
struct Neighbours {
  std::vector<uint32_t> machine;  // [ep_size]
  std::vector<uint32_t> index;    // [ep_size] among the group's ranks on that machine
  std::vector<uint32_t> lowest;   // [machines of the group]
  std::vector<uint32_t> count;

  Neighbours(const Topology& topology, uint32_t first_rank, uint32_t ep_size) {
    uint32_t last_node = UINT32_MAX;
    for (uint32_t i = 0; i < ep_size; ++i) {
      const uint32_t node = topology.NodeOf(first_rank + i);
      if (node != last_node) {
        lowest.push_back(i);
        count.push_back(0);
        last_node = node;
      }
      machine.push_back(static_cast<uint32_t>(count.size()) - 1);
      index.push_back(count.back()++);
    }
  }
};

// In place of a place: an expert with several slots.
constexpr uint32_t kSeveral = UINT32_MAX;

// Checks one layer group of one rank's plan.
class GroupCheck {
 public:
  GroupCheck(const JobSpec& spec, const LayerPlacement& layer, const MicroBatchPlan& plan,
             const LayerGroupPlan& group)
      : draft_(spec.draft),
        layer_(layer),
        plan_(plan),
        group_(group),
        ep_size_(draft_.ep_size),
        self_(plan.rank % ep_size_),
        neighbours_(draft_.topology, plan.rank - self_, ep_size_),
        counts_copies_(draft_.protocol == DispatchProtocol::kCopyPerExpert ? 1 : 0) {}

  absl::Status Run(uint64_t* pairs_sent, uint64_t* pairs_received) {
    if (layer_.ep_size() != ep_size_) return Wrong("the placement has another ep_size");
    for (uint32_t e = 0; e < layer_.num_experts(); ++e) {
      const auto slots = layer_.SlotsOf(e);
      place_of_expert_.push_back(slots.size() > 1 ? kSeveral : PlaceOf(slots[0]));
    }
    GROUTER_RETURN_IF_ERROR(Expect("the number of chunks", group_.chunks.size(), draft_.batch.num_chunks));
    GROUTER_RETURN_IF_ERROR(Expect("the number of routes", group_.routes.size(), plan_.samples.size()));
    for (size_t s = 0; s < group_.routes.size(); ++s)
      GROUTER_RETURN_IF_ERROR(CheckView(group_.routes[s], plan_.samples[s]));
    uint64_t token = 0;
    for (const ChunkPlan& chunk : group_.chunks) {
      GROUTER_RETURN_IF_ERROR(Expect("a chunk's first token", chunk.first_token, token));
      token += chunk.num_tokens;
      GROUTER_RETURN_IF_ERROR(CheckSizes(chunk));
      GROUTER_RETURN_IF_ERROR(CheckSent(chunk, pairs_sent));
      GROUTER_RETURN_IF_ERROR(CheckReceived(chunk, pairs_received));
    }
    return Expect("the chunks' tokens", token, plan_.num_tokens);
  }

 private:
  absl::Status CheckView(const RouteView& view, const PlannedSample& sample) const {
    GROUTER_RETURN_IF_ERROR(Expect("a route's length", view.num_tokens, sample.length));
    GROUTER_RETURN_IF_ERROR(
        Expect("the id plane", view.ids.size(), uint64_t{view.num_tokens} * view.k * view.id_width));
    const uint64_t bits = uint64_t{view.first_bit} + view.num_tokens;
    if (!view.missing.empty() && view.missing.size() * 8 < bits) return Wrong("a bitmap is too short");
    if (!view.num_topk.empty() && view.num_topk.size() != view.num_tokens)
      return Wrong("a k_t plane is too short");
    const uint64_t weights = uint64_t{view.num_tokens} * view.k * WeightBytes(view.weight_type);
    if (draft_.gate_weights == GateWeights::kStored)
      return Expect("the weight plane", view.weights.size(), weights);
    return Expect("the weight plane of a job with live weights", view.weights.size(), 0u);
  }

  absl::Status CheckSizes(const ChunkPlan& chunk) const {
    GROUTER_RETURN_IF_ERROR(Expect("the length of send_splits", chunk.send_splits.size(), ep_size_));
    GROUTER_RETURN_IF_ERROR(Expect("the length of recv_splits", chunk.recv_splits.size(), ep_size_));
    GROUTER_RETURN_IF_ERROR(Expect("the length of recv_counts", chunk.recv_counts.size(),
                                   uint64_t{ep_size_} * layer_.num_slots(self_)));
    const size_t forward = draft_.protocol == DispatchProtocol::kOncePerNode ? ep_size_ : 0;
    GROUTER_RETURN_IF_ERROR(
        Expect("the length of forward_send_splits", chunk.forward_send_splits.size(), forward));
    return Expect("the length of forward_recv_splits", chunk.forward_recv_splits.size(), forward);
  }

  // What leaves this rank in one chunk, counted token by token as the trainer will send it.
  struct Sent {
    std::vector<uint32_t> pairs;     // [experts] with one slot
    std::vector<uint32_t> rows;      // [places]
    std::vector<uint32_t> by_quota;  // [slots of this rank] pairs kept of experts with several
    std::vector<uint64_t> token_of_expert, token_of_place;  // the last one seen, from 1
    std::vector<std::pair<uint32_t, uint32_t>> queue_of;    // [experts] quotas [begin, end) not used up
    std::vector<uint32_t> left;                             // [quotas]
  };

  // Where a row for an expert goes, as the protocol counts rows: its rank, or its machine.
  uint32_t PlaceOf(SlotRef slot) const { return per_node() ? neighbours_.machine[slot.rank] : slot.rank; }
  bool per_node() const { return draft_.protocol == DispatchProtocol::kOncePerNode; }

  absl::Status ReadQuotas(const ChunkPlan& chunk, Sent* sent) const {
    sent->queue_of.assign(layer_.num_experts(), {0, 0});
    for (size_t i = 0; i < chunk.quotas.size(); ++i) {
      const ReplicaQuota& quota = chunk.quotas[i];
      if (quota.expert >= layer_.num_experts() || quota.global_slot >= layer_.num_slots()) {
        return Wrong("a quota names expert ", quota.expert, " in slot ", quota.global_slot);
      }
      if (layer_.ExpertAt(layer_.FromGlobalSlot(quota.global_slot)) != quota.expert) {
        return Wrong("a quota names a slot that does not hold expert ", quota.expert);
      }
      if (i > 0 && (chunk.quotas[i - 1].expert > quota.expert ||
                    (chunk.quotas[i - 1].expert == quota.expert &&
                     chunk.quotas[i - 1].global_slot >= quota.global_slot))) {
        return Wrong("quotas are not in order");
      }
      auto& queue = sent->queue_of[quota.expert];
      if (queue.second == 0) queue.first = static_cast<uint32_t>(i);
      queue.second = static_cast<uint32_t>(i) + 1;
      sent->left.push_back(quota.num_tokens);
    }
    return absl::OkStatus();
  }

  // The slot a replicated expert's next pair goes to.
  absl::StatusOr<SlotRef> NextSlot(const ChunkPlan& chunk, uint32_t expert, Sent* sent) const {
    auto& queue = sent->queue_of[expert];
    while (queue.first < queue.second && sent->left[queue.first] == 0) ++queue.first;
    if (queue.first == queue.second) return Wrong("the quotas of expert ", expert, " are too small");
    --sent->left[queue.first];
    return layer_.FromGlobalSlot(chunk.quotas[queue.first].global_slot);
  }

  // Tokens [from, to) of a sample; `number` is the first one's, from 1.
  template <typename Id>
  absl::Status Walk(const ChunkPlan& chunk, const RouteView& view, uint32_t from, uint32_t to,
                    uint64_t number, Sent* sent, uint64_t* pairs_sent) const {
    const bool all_k = view.num_topk.empty() && view.missing.empty();
    const uint32_t num_experts = layer_.num_experts();
    uint64_t* token_of_expert = sent->token_of_expert.data();
    uint64_t* token_of_place = sent->token_of_place.data();
    uint32_t* rows = sent->rows.data();
    uint32_t* pairs = sent->pairs.data();
    const char* ids = view.ids.data() + uint64_t{from} * view.k * sizeof(Id);
    for (uint32_t t = from; t < to; ++t, ++number, ids += size_t{view.k} * sizeof(Id)) {
      const uint32_t k = all_k ? view.k : view.NumTopk(t);
      if (k > view.k) return Wrong("a token has ", k, " of ", view.k, " experts");
      *pairs_sent += k;
      for (uint32_t j = 0; j < k; ++j) {
        Id expert;
        std::memcpy(&expert, ids + j * sizeof(Id), sizeof(Id));
        if (expert >= num_experts) return Wrong("a route names expert ", expert);
        if (token_of_expert[expert] == number)
          return Wrong("token ", number - 1, " has expert ", expert, " twice");
        token_of_expert[expert] = number;
        uint32_t place = place_of_expert_[expert];
        if (place == kSeveral) {
          GROUTER_ASSIGN_OR_RETURN(const SlotRef slot, NextSlot(chunk, expert, sent));
          if (slot.rank == self_) ++sent->by_quota[slot.slot];
          place = PlaceOf(slot);
        } else {
          ++pairs[expert];
        }
        rows[place] += token_of_place[place] != number ? 1 : counts_copies_;
        token_of_place[place] = number;
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckSent(const ChunkPlan& chunk, uint64_t* pairs_sent) const {
    const uint32_t num_places = per_node() ? static_cast<uint32_t>(neighbours_.count.size()) : ep_size_;
    Sent sent;
    sent.pairs.assign(layer_.num_experts(), 0);
    sent.rows.assign(num_places, 0);
    sent.by_quota.assign(layer_.num_slots(self_), 0);
    sent.token_of_expert.assign(layer_.num_experts(), 0);
    sent.token_of_place.assign(num_places, 0);
    GROUTER_RETURN_IF_ERROR(ReadQuotas(chunk, &sent));
    const uint64_t end = uint64_t{chunk.first_token} + chunk.num_tokens;
    for (size_t s = 0; s < plan_.samples.size(); ++s) {
      const PlannedSample& sample = plan_.samples[s];
      const RouteView& view = group_.routes[s];
      const uint64_t from = std::max<uint64_t>(sample.first_token, chunk.first_token);
      const uint64_t to = std::min<uint64_t>(uint64_t{sample.first_token} + sample.length, end);
      if (from >= to) continue;
      const uint32_t first = static_cast<uint32_t>(from - sample.first_token);
      const uint32_t last = static_cast<uint32_t>(to - sample.first_token);
      GROUTER_RETURN_IF_ERROR(view.id_width == 1
                                  ? Walk<uint8_t>(chunk, view, first, last, from + 1, &sent, pairs_sent)
                                  : Walk<uint16_t>(chunk, view, first, last, from + 1, &sent, pairs_sent));
    }
    return CompareSent(chunk, sent);
  }

  absl::Status CompareSent(const ChunkPlan& chunk, const Sent& sent) const {
    for (uint32_t rest : sent.left) {
      if (rest != 0) return Wrong("quotas name more tokens than there are");
    }
    std::vector<uint32_t> rows(ep_size_, 0);
    for (uint32_t place = 0; place < sent.rows.size(); ++place) {
      const uint32_t rank =
          !per_node() ? place
                      : neighbours_.lowest[place] + neighbours_.index[self_] % neighbours_.count[place];
      rows[rank] += sent.rows[place];
    }
    for (uint32_t r = 0; r < ep_size_; ++r) {
      if (chunk.send_splits[r] != rows[r])
        return Expect(absl::StrCat("send_splits[", r, "]"), chunk.send_splits[r], rows[r]);
    }
    const uint32_t* kept = chunk.recv_counts.data() + size_t{self_} * sent.by_quota.size();
    for (uint32_t slot = 0; slot < sent.by_quota.size(); ++slot) {
      const uint32_t expert = layer_.ExpertAt(SlotRef{self_, slot});
      uint32_t counted = sent.by_quota[slot];
      if (expert != kEmptySlot && place_of_expert_[expert] != kSeveral) counted += sent.pairs[expert];
      if (kept[slot] != counted)
        return Expect(absl::StrCat("this rank's own pairs in slot ", slot), kept[slot], counted);
    }
    if (per_node()) return absl::OkStatus();
    return Expect("recv_splits from itself", chunk.recv_splits[self_], rows[self_]);
  }

  absl::Status CheckReceived(const ChunkPlan& chunk, uint64_t* pairs_received) const {
    const uint32_t slots = layer_.num_slots(self_);
    std::vector<uint64_t> per_slot(slots, 0);
    uint64_t forwarded_bound = 0;
    for (uint32_t source = 0; source < ep_size_; ++source) {
      uint64_t pairs = 0, most = 0;
      for (uint32_t slot = 0; slot < slots; ++slot) {
        const uint64_t count = chunk.recv_counts[size_t{source} * slots + slot];
        if (count > 0 && layer_.ExpertAt(SlotRef{self_, slot}) == kEmptySlot)
          return Wrong("pairs for an empty slot");
        pairs += count;
        most = std::max(most, count);
        per_slot[slot] += count;
      }
      *pairs_received += pairs;
      forwarded_bound += pairs;
      const uint64_t rows = chunk.recv_splits[source];
      switch (draft_.protocol) {
        case DispatchProtocol::kCopyPerExpert:
          if (rows != pairs) return Expect(absl::StrCat("recv_splits[", source, "]"), rows, pairs);
          break;
        case DispatchProtocol::kOncePerRank:
          if (rows > pairs || rows < most) {
            return Wrong("recv_splits[", source, "] is ", rows, " for ", pairs, " pairs, ", most,
                         " in one slot");
          }
          break;
        case DispatchProtocol::kOncePerNode: {
          const uint32_t mine = neighbours_.machine[self_];
          const bool relayed =
              neighbours_.index[source] % neighbours_.count[mine] == neighbours_.index[self_];
          const bool own_machine = neighbours_.machine[source] == mine;
          if (rows > 0 && !(own_machine ? source == self_ : relayed)) {
            return Wrong("recv_splits[", source, "] names rows that go through another relay");
          }
          break;
        }
      }
    }
    if (draft_.protocol == DispatchProtocol::kOncePerNode)
      GROUTER_RETURN_IF_ERROR(CheckForward(chunk, forwarded_bound));
    const uint64_t align = draft_.model.row_alignment;
    uint64_t aligned = 0;
    for (uint64_t count : per_slot) aligned += count % align == 0 ? count : count + align - count % align;
    GROUTER_RETURN_IF_ERROR(Expect("aligned_rows", chunk.aligned_rows, aligned));
    const uint64_t rows =
        Total(chunk.send_splits) + Total(chunk.recv_splits) + Total(chunk.forward_recv_splits) + aligned;
    return Expect("peak_bytes", chunk.peak_bytes,
                  rows * 2 * draft_.model.hidden_size * draft_.model.activation_bytes);
  }

  absl::Status CheckForward(const ChunkPlan& chunk, uint64_t pairs) const {
    const uint64_t relayed = Total(chunk.recv_splits);
    for (uint32_t r = 0; r < ep_size_; ++r) {
      const bool near = neighbours_.machine[r] == neighbours_.machine[self_];
      if (!near && (chunk.forward_send_splits[r] > 0 || chunk.forward_recv_splits[r] > 0)) {
        return Wrong("the second hop leaves the node at rank ", r);
      }
      if (chunk.forward_send_splits[r] > relayed)
        return Wrong("more rows forwarded to rank ", r, " than relayed");
    }
    if (Total(chunk.forward_recv_splits) > pairs) return Wrong("more rows than pairs in the second hop");
    return absl::OkStatus();
  }

  const JobDraft& draft_;
  const LayerPlacement& layer_;
  const MicroBatchPlan& plan_;
  const LayerGroupPlan& group_;
  const uint32_t ep_size_;
  const uint32_t self_;
  const Neighbours neighbours_;
  const uint32_t counts_copies_;  // rows that a token's second pair for a place adds
  std::vector<uint32_t> place_of_expert_;
};

absl::Status CheckFits(const JobSpec& spec, const Placement& placement, const MicroBatchPlan& plan) {
  const ModelShape& model = spec.draft.model;
  const TopologyNode& node = spec.draft.topology.nodes[spec.draft.topology.NodeOf(plan.rank)];
  if (node.memory_bytes == 0) return absl::OkStatus();
  const uint64_t per_expert = model.expert_weight_bytes + model.expert_gradient_bytes;
  uint64_t bytes = 0, largest = 0;
  for (uint32_t group : model.layer_group_of_layer) {
    bytes += placement[group].num_slots(plan.rank % spec.draft.ep_size) *
             (per_expert + model.expert_master_bytes + model.expert_moment_bytes);
    for (const LayerGroupPlan& part : plan.layer_groups) {
      if (part.layer_group != group) continue;
      for (const ChunkPlan& chunk : part.chunks) {
        largest = std::max(largest, chunk.peak_bytes);
        if (!model.recompute_experts)
          bytes += chunk.aligned_rows * model.hidden_size * model.activation_bytes;
      }
    }
  }
  if (model.num_resident_experts > 0) {
    for (uint32_t group : model.layer_group_of_layer) {
      bytes -= placement[group].num_slots(plan.rank % spec.draft.ep_size) *
               (per_expert + model.expert_master_bytes + model.expert_moment_bytes);
    }
    bytes += model.num_resident_experts * per_expert;
  }
  if (bytes + largest <= node.memory_bytes) return absl::OkStatus();
  return Wrong("it takes ", bytes + largest, " bytes of ", node.memory_bytes);
}

}  // namespace

absl::Status CheckMicroBatchPlan(const JobSpec& spec, const Placement& placement,
                                 const MicroBatchPlan& plan) {
  if (plan.rank >= spec.draft.topology.world_size()) return Wrong("world rank ", plan.rank);
  if (plan.micro_batch >= spec.draft.batch.num_micro_batches) return Wrong("micro-batch ", plan.micro_batch);
  uint64_t token = 0;
  for (const PlannedSample& sample : plan.samples) {
    if (sample.table >= spec.draft.tables.size()) return Wrong("a sample of table ", sample.table);
    GROUTER_RETURN_IF_ERROR(Expect("a sample's first token", sample.first_token, token));
    token += sample.length;
    if (sample.num_loss_tokens > sample.length) return Wrong("more loss tokens than tokens");
  }
  GROUTER_RETURN_IF_ERROR(Expect("num_tokens", plan.num_tokens, token));
  uint64_t sent = 0, received = 0;
  uint32_t crc = 0;
  for (size_t g = 0; g < plan.layer_groups.size(); ++g) {
    const LayerGroupPlan& group = plan.layer_groups[g];
    if (group.layer_group >= placement.size() ||
        (g > 0 && plan.layer_groups[g - 1].layer_group >= group.layer_group)) {
      return Wrong("layer group ", group.layer_group);
    }
    GROUTER_RETURN_IF_ERROR(
        GroupCheck(spec, placement[group.layer_group], plan, group).Run(&sent, &received));
    for (const RouteView& view : group.routes) {
      for (absl::string_view plane : {view.ids, view.weights, view.num_topk, view.missing}) {
        crc = Crc32c(plane.data(), plane.size(), crc);
      }
    }
  }
  GROUTER_RETURN_IF_ERROR(Expect("the certificate's CRC", plan.certificate.crc32c, crc));
  GROUTER_RETURN_IF_ERROR(Expect("num_pairs_sent", plan.certificate.num_pairs_sent, sent));
  GROUTER_RETURN_IF_ERROR(Expect("num_pairs_received", plan.certificate.num_pairs_received, received));
  if (plan.certificate.max_rank_pairs < std::max(plan.certificate.mean_rank_pairs, received)) {
    return Wrong("the busiest rank computes fewer pairs than this one or the mean");
  }
  return CheckFits(spec, placement, plan);
}

absl::Status CheckStepPart(const JobSpec& spec, const PlacementSchedule& schedule, uint32_t rank,
                           const StepPart& part) {
  const JobDraft& draft = spec.draft;
  if (part.step >= part.num_steps) return Wrong("step ", part.step, " of ", part.num_steps);
  const uint64_t before = draft.continues.has_value() ? draft.continues->consumed_samples : 0;
  GROUTER_RETURN_IF_ERROR(Expect("first_sample_position", part.first_sample_position,
                                 before + part.step * draft.batch.samples_per_step));
  const bool last = part.step + 1 == part.num_steps;
  if (part.num_samples > draft.batch.samples_per_step || part.num_samples == 0 ||
      (!last && part.num_samples != draft.batch.samples_per_step)) {
    return Wrong("the step has ", part.num_samples, " samples");
  }
  if (part.num_loss_tokens > part.num_tokens) return Wrong("more loss tokens than tokens");
  if (part.placement_epoch >= schedule.epochs.size() ||
      schedule.epochs[part.placement_epoch].first_step > part.step ||
      (part.placement_epoch + 1 < schedule.epochs.size() &&
       schedule.epochs[part.placement_epoch + 1].first_step <= part.step)) {
    return Wrong("placement epoch ", part.placement_epoch, " is not in force");
  }
  const Placement& placement = schedule.epochs[part.placement_epoch].placement;
  const uint32_t self = rank % draft.ep_size;
  const auto slot_exists = [&](uint32_t layer, uint32_t slot) {
    return layer < draft.model.layer_group_of_layer.size() &&
           slot < placement[draft.model.layer_group_of_layer[layer]].num_slots(self);
  };
  std::set<std::pair<uint32_t, uint32_t>> needed;
  for (const ExpertUse& use : part.need_order) {
    if (!slot_exists(use.layer, use.slot)) return Wrong("a need of slot ", use.slot, " in layer ", use.layer);
    if (!needed.emplace(use.layer, use.slot).second) return Wrong("an expert is first needed twice");
  }
  const bool all_resident = draft.model.num_resident_experts == 0;
  GROUTER_RETURN_IF_ERROR(
      Expect("the number of accesses", part.accesses.size(), all_resident ? 0 : part.num_accesses));
  std::set<std::pair<uint32_t, uint32_t>> resident, dirty;
  size_t access = 0;
  const auto use_until = [&](uint64_t end) -> absl::Status {
    for (; access < std::min<uint64_t>(end, part.accesses.size()); ++access) {
      const std::pair<uint32_t, uint32_t> key(part.accesses[access].layer, part.accesses[access].slot);
      if (needed.count(key) == 0) return Wrong("an access that the need order does not name");
      if (resident.count(key) == 0) return Wrong("access ", access, " finds its expert away");
      if (part.accesses[access].backward) dirty.insert(key);
    }
    return absl::OkStatus();
  };
  for (const Transfer& transfer : part.transfers) {
    if (transfer.layer >= draft.model.layer_group_of_layer.size())
      return Wrong("a transfer in layer ", transfer.layer);
    if (transfer.peer_rank >= draft.ep_size) return Wrong("a transfer with rank ", transfer.peer_rank);
    if (transfer.before_use > part.num_accesses) return Wrong("a transfer before use ", transfer.before_use);
    const bool from_old = transfer.kind == TransferKind::kMigrate && transfer.outgoing;
    if (!from_old) {
      const LayerPlacement& layer = placement[draft.model.layer_group_of_layer[transfer.layer]];
      if (!slot_exists(transfer.layer, transfer.slot) ||
          layer.ExpertAt(SlotRef{self, transfer.slot}) != transfer.expert) {
        return Wrong("a transfer names expert ", transfer.expert, " in slot ", transfer.slot);
      }
    }
    const std::pair<uint32_t, uint32_t> key(transfer.layer, transfer.slot);
    switch (transfer.kind) {
      case TransferKind::kFetch:
        GROUTER_RETURN_IF_ERROR(use_until(transfer.before_use));
        if (!resident.insert(key).second) return Wrong("a fetch of what is there");
        if (resident.size() > draft.model.num_resident_experts)
          return Wrong("more experts on the device than it holds");
        break;
      case TransferKind::kEvict:
      case TransferKind::kWriteBack:
        GROUTER_RETURN_IF_ERROR(use_until(transfer.before_use));
        if (resident.erase(key) == 0) return Wrong("an eviction of what is not there");
        if ((dirty.erase(key) != 0) != (transfer.kind == TransferKind::kWriteBack)) {
          return Wrong("a gradient is lost, or written back where there is none");
        }
        break;
      default:
        break;
    }
  }
  GROUTER_RETURN_IF_ERROR(use_until(UINT64_MAX));
  if (!dirty.empty()) return Wrong(dirty.size(), " gradients are never written back");
  return absl::OkStatus();
}

}  // namespace grouter
