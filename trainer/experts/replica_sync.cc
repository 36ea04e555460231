#include "trainer/experts/replica_sync.h"

#include <numeric>

#include "absl/types/span.h"
#include "io/error.h"

namespace grouter {
namespace {

// A replicated expert of which this rank holds a copy.
struct Copy {
  SlotRef owner;
  SlotRef holder;  // not the owner
};

// Planes that go to, or come from, the ranks of the EP group, one behind the other on the device.
class Planes {
 public:
  Planes(Device& device, uint64_t plane_floats) : device_(device), plane_floats_(plane_floats) {}
  void Reserve(uint64_t num_planes) { memory_.Resize(device_, num_planes * plane_floats_); }
  void Append(const float* values, uint64_t size) {
    device_.Copy(Stream::kCompute, memory_.data() + filled_, values, size * sizeof(float));
    filled_ += size;
  }
  void Clear() { filled_ = 0; }
  const float* Plane(uint64_t i) const { return memory_.data() + i * plane_floats_; }

  // Sends `send`, all of it, and receives into this.
  absl::Status Receive(Collectives& group, const Planes& send, const std::vector<uint32_t>& send_rows,
                       const std::vector<uint32_t>& recv_rows) {
    Reserve(std::accumulate(recv_rows.begin(), recv_rows.end(), uint64_t{0}));
    RowExchange exchange;
    exchange.kind = ExchangeKind::kExperts;
    exchange.row_bytes = plane_floats_ * sizeof(float);
    exchange.send = send.memory_.data();
    exchange.send_rows = send_rows;
    exchange.recv = memory_.data();
    exchange.recv_rows = recv_rows;
    exchange.memory = MemoryKind::kDevice;
    const DeviceScope scope(device_);
    return group.AllToAll(exchange);
  }

 private:
  Device& device_;
  const uint64_t plane_floats_;
  FloatBuffer memory_;
  uint64_t filled_ = 0;
};

}  // namespace

absl::Status SumExpertGradients(const ReplicaSyncContext& context, const LayerPlacement& placement,
                                uint32_t layer) {
  ExpertStore& store = *context.experts;
  Device& device = *store.options().device;
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
    Planes send(device, size), recv(device, size);
    send.Reserve(copies.size());
    std::vector<uint32_t> to_owner(ep_size, 0), to_holder(ep_size, 0);
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.owner.rank == me && copy.holder.rank == r) ++to_holder[r];
        if (copy.holder.rank != me || copy.owner.rank != r) continue;
        ++to_owner[r];
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.holder.slot}));
        send.Append(page.gradients, size);
        store.Release({layer, copy.holder.slot}, false);
      }
    }
    GROUTER_RETURN_IF_ERROR(recv.Receive(*context.ep_group, send, to_owner, to_holder));
    size_t at = 0;
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.owner.rank != me || copy.holder.rank != r) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.owner.slot}));
        device.kernels().Add(static_cast<int64_t>(size), recv.Plane(at++), page.gradients);
        store.Release({layer, copy.owner.slot}, true);
      }
    }
    // And the sums back.
    send.Clear();
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.owner.rank != me || copy.holder.rank != r) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.owner.slot}));
        send.Append(page.gradients, size);
        store.Release({layer, copy.owner.slot}, false);
      }
    }
    GROUTER_RETURN_IF_ERROR(recv.Receive(*context.ep_group, send, to_holder, to_owner));
    at = 0;
    for (uint32_t r = 0; r < ep_size; ++r) {
      for (const Copy& copy : copies) {
        if (copy.holder.rank != me || copy.owner.rank != r) continue;
        GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, copy.holder.slot}));
        device.Copy(Stream::kCompute, page.gradients, recv.Plane(at++), size * sizeof(float));
        store.Release({layer, copy.holder.slot}, true);
      }
    }
  }
  if (context.peers->size() == 1) return absl::OkStatus();
  for (uint32_t slot = 0; slot < placement.num_slots(me); ++slot) {
    if (placement.ExpertAt({me, slot}) == kEmptySlot) continue;
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, slot}));
    const DeviceScope scope(device);
    const absl::Status status =
        context.peers->AllReduceSum(absl::MakeSpan(page.gradients, size), MemoryKind::kDevice);
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
  Device& device = *store.options().device;
  Planes send(device, plane), recv(device, plane);
  std::vector<uint32_t> send_rows(ep_size, 0), recv_rows(ep_size, 0);
  // Everything is sent, also to itself, before anything is overwritten.
  std::vector<uint32_t> arriving_slots;
  const auto leaves = [&](uint32_t r, uint32_t slot) {
    const uint32_t expert = to.ExpertAt({r, slot});
    if (expert == kEmptySlot || from.OwnerOf(expert).rank != me) return false;
    return slot >= from.num_slots(r) || from.ExpertAt({r, slot}) != expert;
  };
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (uint32_t slot = 0; slot < to.num_slots(r); ++slot) send_rows[r] += leaves(r, slot) ? 1 : 0;
  }
  send.Reserve(std::accumulate(send_rows.begin(), send_rows.end(), uint64_t{0}));
  for (uint32_t r = 0; r < ep_size; ++r) {
    for (uint32_t slot = 0; slot < to.num_slots(r); ++slot) {
      if (!leaves(r, slot)) continue;
      const uint32_t expert = to.ExpertAt({r, slot});
      const uint32_t source = from.OwnerOf(expert).slot;
      GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, source}));
      send.Append(page.weights, size);
      send.Append(page.means, size);
      send.Append(page.variances, size);
      store.Release({layer, source}, false);
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
  GROUTER_RETURN_IF_ERROR(recv.Receive(ep_group, send, send_rows, recv_rows));
  for (size_t i = 0; i < arriving_slots.size(); ++i) {
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, store.Acquire({layer, arriving_slots[i]}));
    const float* state = recv.Plane(i);
    for (float* part : {page.weights, page.means, page.variances}) {
      device.Copy(Stream::kCompute, part, state, size * sizeof(float));
      state += size;
    }
    store.Release({layer, arriving_slots[i]}, true);
  }
  return absl::OkStatus();
}

}  // namespace grouter
