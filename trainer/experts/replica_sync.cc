#include "trainer/experts/replica_sync.h"

#include <cstring>

#include "absl/types/span.h"
#include "io/error.h"

namespace grouter {
namespace {

// A replicated expert of which this rank holds a copy.
struct Copy {
  SlotRef owner;
  SlotRef holder;  // not the owner
};

// Runs `exchange` of whole expert planes with the EP group.
absl::Status ExchangePlanes(Collectives& group, uint64_t plane_floats, const std::vector<float>& send,
                            const std::vector<uint32_t>& send_rows, std::vector<float>* recv,
                            const std::vector<uint32_t>& recv_rows) {
  uint64_t total = 0;
  for (uint32_t rows : recv_rows) total += rows;
  recv->resize(total * plane_floats);
  RowExchange exchange;
  exchange.kind = ExchangeKind::kExperts;
  exchange.row_bytes = plane_floats * sizeof(float);
  exchange.send = send.data();
  exchange.send_rows = send_rows;
  exchange.recv = recv->data();
  exchange.recv_rows = recv_rows;
  return group.AllToAll(exchange);
}

}  // namespace

absl::Status SumExpertGradients(const ReplicaSyncContext& context, const LayerPlacement& placement,
                                uint32_t layer) {
  ExpertStore& store = *context.experts;
  const uint64_t size = store.options().shape.size();
  const uint32_t me = context.ep_group->rank();
  const uint32_t ep_size = placement.ep_size();
  std::vector<Copy> copies;
  for (uint32_t expert = 0; expert < placement.num_experts(); ++expert) {
    const auto slots = placement.SlotsOf(expert);
    for (size_t i = 1; i < slots.size(); ++i) copies.push_back({slots[0], slots[i]});
  }
  if (!copies.empty()) {
    // To the owners. Planes for one rank lie in expert order, on both sides.
    std::vector<float> send, recv;
    std::vector<uint32_t> to_owner(ep_size, 0), to_holder(ep_size, 0);
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.owner.rank == me && copy.holder.rank == r) ++to_holder[r];
        if (copy.holder.rank != me || copy.owner.rank != r) continue;
        ++to_owner[r];
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.holder.slot}));
        send.insert(send.end(), page.gradients, page.gradients + size);
        store.Release({layer, copy.holder.slot}, false);
      }
    }
    GROUTER_RETURN_IF_ERROR(ExchangePlanes(*context.ep_group, size, send, to_owner, &recv, to_holder));
    size_t at = 0;
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.owner.rank != me || copy.holder.rank != r) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.owner.slot}));
        context.kernels->Add(static_cast<int64_t>(size), recv.data() + at++ * size, page.gradients);
        store.Release({layer, copy.owner.slot}, true);
      }
    }
    // And the sums back.
    send.clear();
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.owner.rank != me || copy.holder.rank != r) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.owner.slot}));
        send.insert(send.end(), page.gradients, page.gradients + size);
        store.Release({layer, copy.owner.slot}, false);
      }
    }
    GROUTER_RETURN_IF_ERROR(ExchangePlanes(*context.ep_group, size, send, to_holder, &recv, to_owner));
    at = 0;
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.holder.rank != me || copy.owner.rank != r) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.holder.slot}));
        std::memcpy(page.gradients, recv.data() + at++ * size, size * sizeof(float));
        store.Release({layer, copy.holder.slot}, true);
      }
    }
  }
  if (context.peers->size() == 1) return absl::OkStatus();
  for (uint32_t slot = 0; slot < placement.num_slots(me); ++slot) {
    if (placement.ExpertAt({me, slot}) == kEmptySlot) continue;
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, slot}));
    const absl::Status status = context.peers->AllReduceSum(absl::MakeSpan(page.gradients, size));
    store.Release({layer, slot}, true);
    GROUTER_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

absl::Status MigrateExperts(Collectives& ep_group, ExpertStore& store, const LayerPlacement& from,
                            const LayerPlacement& to, uint32_t layer) {
  if (from == to) return absl::OkStatus();
  const uint64_t size = store.options().shape.size();
  const uint64_t plane = 3 * size;  // weights, means, variances
  const uint32_t me = ep_group.rank();
  const uint32_t ep_size = to.ep_size();
  std::vector<float> send, recv;
  std::vector<uint32_t> send_rows(ep_size, 0), recv_rows(ep_size, 0);
  // Everything is sent, also to itself, before anything is overwritten.
  std::vector<uint32_t> arriving_slots;
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (uint32_t slot = 0; slot < to.num_slots(r); ++slot) {
      const uint32_t expert = to.ExpertAt({r, slot});
      if (expert == kEmptySlot || from.OwnerOf(expert).rank != me) continue;
      if (slot < from.num_slots(r) && from.ExpertAt({r, slot}) == expert) continue;
      const uint32_t source = from.OwnerOf(expert).slot;
      GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, source}));
      send.insert(send.end(), page.weights, page.weights + size);
      send.insert(send.end(), page.means, page.means + size);
      send.insert(send.end(), page.variances, page.variances + size);
      store.Release({layer, source}, false);
      ++send_rows[r];
    }
  }
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (uint32_t slot = 0; slot < to.num_slots(me); ++slot) {
      const uint32_t expert = to.ExpertAt({me, slot});
      if (expert == kEmptySlot || from.OwnerOf(expert).rank != r) continue;
      if (slot < from.num_slots(me) && from.ExpertAt({me, slot}) == expert) continue;
      ++recv_rows[r];
      arriving_slots.push_back(slot);
    }
  }
  GROUTER_RETURN_IF_ERROR(ExchangePlanes(ep_group, plane, send, send_rows, &recv, recv_rows));
  for (size_t i = 0; i < arriving_slots.size(); ++i) {
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, arriving_slots[i]}));
    const float* state = recv.data() + i * plane;
    std::memcpy(page.weights, state, size * sizeof(float));
    std::memcpy(page.means, state + size, size * sizeof(float));
    std::memcpy(page.variances, state + 2 * size, size * sizeof(float));
    store.Release({layer, arriving_slots[i]}, true);
  }
  return absl::OkStatus();
}

}  // namespace grouter
