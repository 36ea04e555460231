#include "trainer/dispatch/dispatch_pipeline.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "io/error.h"
#include "trainer/experts/expert_compute.h"

namespace grouter {
namespace {

EventPlace AtChunk(EventPlace place, size_t chunk) {
  place.chunk = static_cast<int32_t>(chunk);
  return place;
}

absl::Status MismatchError() {
  return Error(absl::StatusCode::kInternal, "received rows do not carry the pairs that were announced",
               "dispatch", "give all ranks plans of one job");
}

}  // namespace

// The compute stage of a chunk waits; before it, the exchanges of the chunks that follow are started.
absl::Status DispatchPipeline::RunStages(const MicroBatchRoute& route, const Stages& stages) {
  const size_t num_chunks = route.chunks.size();
  const bool relays = route.has_relays();
  const size_t ahead = relays ? 2 : 1;
  for (size_t c = 0; c < std::min(ahead, num_chunks); ++c) GROUTER_RETURN_IF_ERROR(stages.start(c));
  if (relays && num_chunks > 0) GROUTER_RETURN_IF_ERROR(stages.forward(0));
  for (size_t c = 0; c < num_chunks; ++c) {
    if (c + ahead < num_chunks) GROUTER_RETURN_IF_ERROR(stages.start(c + ahead));
    if (relays && c + 1 < num_chunks) GROUTER_RETURN_IF_ERROR(stages.forward(c + 1));
    GROUTER_RETURN_IF_ERROR(stages.compute(c));
    if (relays && c > 0) GROUTER_RETURN_IF_ERROR(stages.give_back(c - 1));
  }
  if (relays && num_chunks > 0) GROUTER_RETURN_IF_ERROR(stages.give_back(num_chunks - 1));
  return absl::OkStatus();
}

void DispatchPipeline::MakeRoom(const MicroBatchRoute& route) {
  for (auto* flights : {&dispatches_, &combines_, &relay_dispatches_, &relay_combines_}) {
    if (flights->size() < route.chunks.size()) flights->resize(route.chunks.size());
  }
  pages_.assign(context_.experts->options().num_slots, ExpertPage());
}

absl::Status DispatchPipeline::Start(EventKind kind, const EventPlace& place,
                                     const std::vector<uint32_t>& send_splits,
                                     const std::vector<uint32_t>& recv_splits, uint64_t row_floats,
                                     Flight* flight) {
  const uint64_t num_rows = std::accumulate(recv_splits.begin(), recv_splits.end(), uint64_t{0});
  flight->recv.Resize(device_, row_floats * num_rows);
  RowExchange exchange;
  exchange.row_bytes = row_floats * sizeof(float);
  exchange.send = flight->send.data();
  exchange.send_rows = send_splits;
  exchange.recv = flight->recv.data();
  exchange.recv_rows = recv_splits;
  exchange.memory = MemoryKind::kDevice;
  if (context_.log != nullptr) flight->event = context_.log->Begin(kind, place);
  const DeviceScope scope(device_);
  GROUTER_ASSIGN_OR_RETURN(flight->work, context_.ep_group->StartAllToAll(exchange));
  return absl::OkStatus();
}

absl::Status DispatchPipeline::StartFromExperts(const EventPlace& place, const MicroBatchRoute& route,
                                                const ChunkRoute& chunk, uint64_t row_floats,
                                                Flight* flight) {
  return route.has_relays()
             ? Start(EventKind::kCombine, place, chunk.relay.recv_splits, chunk.relay.send_splits, row_floats,
                     flight)
             : Start(EventKind::kCombine, place, chunk.recv_splits, chunk.send_splits, row_floats, flight);
}

absl::Status DispatchPipeline::Finish(Flight* flight) {
  const DeviceScope scope(device_);
  const absl::Status status = flight->work->Wait();
  flight->work.reset();
  if (context_.log != nullptr) context_.log->End(flight->event);
  return status;
}

absl::StatusOr<ExpertPage> DispatchPipeline::Page(int32_t layer, uint32_t slot) {
  if (pages_[slot].weights == nullptr) {
    GROUTER_ASSIGN_OR_RETURN(pages_[slot], context_.experts->Acquire({static_cast<uint32_t>(layer), slot}));
  }
  return pages_[slot];
}

void DispatchPipeline::ReleasePages(int32_t layer, bool changed) {
  for (uint32_t slot = 0; slot < pages_.size(); ++slot) {
    if (pages_[slot].weights == nullptr) continue;
    context_.experts->Release({static_cast<uint32_t>(layer), slot}, changed);
    pages_[slot] = ExpertPage();
  }
}

// A row: D activations, then its slots (-1: none), then their gate weights.
void DispatchPipeline::PackForward(const MicroBatchRoute& route, const ChunkRoute& chunk, const float* x,
                                   const float* weights, float* rows) {
  const int64_t width = context_.experts->options().shape.hidden_size;
  const uint64_t stride = width + 2 * route.sent_pairs;
  const ChunkIndices indices = chunk.indices();
  kernels_.GatherRows(
      {chunk.num_sent(), width, width, static_cast<int64_t>(stride), indices.row_token, x, rows});
  kernels_.PackPairs({chunk.num_sent(), route.sent_pairs, static_cast<int64_t>(stride),
                      indices.row_first_pair, indices.pair_slot, indices.pair_choice, weights, rows + width});
}

// Rows that came for the block, once for each rank of it that they are for.
absl::Status DispatchPipeline::ForwardToBlock(const EventPlace& place, const MicroBatchRoute& route,
                                              const ChunkRoute& chunk, const float* received, RelayRows* keep,
                                              Flight* onward) {
  const int64_t width = context_.experts->options().shape.hidden_size;
  const int64_t num_rows = chunk.relay.first_row.back();
  RelayPairsArgs args;
  args.num_rows = chunk.num_received();
  args.row_pairs = route.sent_pairs;
  args.row_stride = width + 2 * route.sent_pairs;
  args.num_ranks = static_cast<int64_t>(route.relay_first_slot.size()) - 1;
  args.first_slot = route.device_relay_first_slot();
  args.first_row = chunk.indices().relay_first_row;
  args.notes = received + width;
  args.out_pairs = route.row_pairs;
  args.out_stride = width + 2 * route.row_pairs;
  float* rows = onward->send.Resize(device_, num_rows * args.out_stride);
  args.out_notes = rows + width;
  args.scratch = next_pair_.Resize(device_, args.num_ranks);
  args.row = keep->row.Resize(device_, num_rows);
  args.column = keep->column.Resize(device_, num_rows);
  args.count = keep->count.Resize(device_, num_rows);
  args.mismatch = mismatch_.data();
  kernels_.RelayPairs(args);
  if (device_.is_host() && *mismatch_.data() != 0) return MismatchError();
  kernels_.GatherRows({num_rows, width, args.row_stride, args.out_stride, args.row, received, rows});
  return Start(EventKind::kDispatch, place, chunk.relay.send_splits, chunk.relay.recv_splits, args.out_stride,
               onward);
}

absl::Status DispatchPipeline::ComputeForward(const EventPlace& place, const MicroBatchRoute& route,
                                              const ChunkRoute& chunk, const float* received,
                                              MoeActivations::Chunk* keep, Flight* combine) {
  const ScopedEvent event(context_.log, EventKind::kCompute, place);
  const ExpertShape& shape = context_.experts->options().shape;
  const int64_t width = shape.hidden_size;
  const int64_t inner = shape.intermediate_size;
  const int64_t stride = width + 2 * route.row_pairs;
  const uint32_t num_rows = chunk.num_arrived();
  const int64_t num_pairs = chunk.num_pairs_received();
  const auto num_slots = static_cast<int64_t>(chunk.recv_pairs.size());
  SortPairsArgs sort;
  sort.num_rows = num_rows;
  sort.row_pairs = route.row_pairs;
  sort.row_stride = stride;
  sort.num_slots = num_slots;
  sort.notes = received + width;
  sort.first_pair = chunk.indices().recv_first_pair;
  sort.scratch = next_pair_.Resize(device_, num_slots);
  sort.row = keep->row.Resize(device_, num_pairs);
  sort.column = keep->column.Resize(device_, num_pairs);
  sort.weight = keep->weight.Resize(device_, num_pairs);
  sort.mismatch = mismatch_.data();
  kernels_.SortPairs(sort);
  if (device_.is_host() && *mismatch_.data() != 0) return MismatchError();
  float* x = keep->x.Resize(device_, num_pairs * width);
  float* gate_up = keep->gate_up.Resize(device_, num_pairs * 2 * inner);
  float* y = y_.Resize(device_, num_pairs * width);
  kernels_.GatherRows({num_pairs, width, stride, width, sort.row, received, x});
  for (uint32_t slot = 0; slot < chunk.recv_pairs.size(); ++slot) {
    const uint64_t first = chunk.recv_first_pair[slot];
    const int64_t count = chunk.recv_pairs[slot];
    if (count == 0) continue;
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, Page(place.layer, slot));
    ExpertForwardArgs args;
    args.shape = shape;
    args.num_rows = count;
    args.x = x + first * width;
    args.gate_up = gate_up + first * 2 * inner;
    args.a = a_.Resize(device_, count * inner);
    args.y = y + first * width;
    ForwardExpert(device_, page, args);
  }
  float* rows = combine->send.ResizeZeroed(device_, num_rows * width);
  kernels_.ScatterAddRows({num_pairs, width, width, width, sort.row, sort.weight, y, rows});
  return absl::OkStatus();
}

absl::Status DispatchPipeline::Forward(const EventPlace& place, const MicroBatchRoute& route, const float* x,
                                       const float* weights, float* y, MoeActivations* keep) {
  const int64_t width = context_.experts->options().shape.hidden_size;
  const size_t num_chunks = route.chunks.size();
  MakeRoom(route);
  if (keep != nullptr && keep->chunks.size() < num_chunks) keep->chunks.resize(num_chunks);
  std::vector<RelayRows>& relays = keep != nullptr ? keep->relays : scratch_relays_;
  if (route.has_relays() && relays.size() < num_chunks) relays.resize(num_chunks);
  const bool has_relays = route.has_relays();

  const auto start = [&](size_t c) {
    const ChunkRoute& chunk = route.chunks[c];
    const uint64_t stride = width + 2 * route.sent_pairs;
    PackForward(route, chunk, x, weights, dispatches_[c].send.Resize(device_, chunk.num_sent() * stride));
    return Start(EventKind::kDispatch, AtChunk(place, c), chunk.send_splits, chunk.recv_splits, stride,
                 &dispatches_[c]);
  };
  const auto forward = [&](size_t c) {
    GROUTER_RETURN_IF_ERROR(Finish(&dispatches_[c]));
    return ForwardToBlock(AtChunk(place, c), route, route.chunks[c], dispatches_[c].recv.data(), &relays[c],
                          &relay_dispatches_[c]);
  };
  const auto compute = [&](size_t c) {
    Flight& arriving = has_relays ? relay_dispatches_[c] : dispatches_[c];
    Flight& leaving = has_relays ? relay_combines_[c] : combines_[c];
    GROUTER_RETURN_IF_ERROR(Finish(&arriving));
    GROUTER_RETURN_IF_ERROR(ComputeForward(AtChunk(place, c), route, route.chunks[c], arriving.recv.data(),
                                           keep != nullptr ? &keep->chunks[c] : &scratch_keep_, &leaving));
    return StartFromExperts(AtChunk(place, c), route, route.chunks[c], width, &leaving);
  };
  const auto give_back = [&](size_t c) {
    GROUTER_RETURN_IF_ERROR(Finish(&relay_combines_[c]));
    const ChunkRoute& chunk = route.chunks[c];
    float* rows = combines_[c].send.ResizeZeroed(device_, chunk.num_received() * width);
    kernels_.ScatterAddRows({chunk.relay.first_row.back(), width, width, width, relays[c].row.data(), nullptr,
                             relay_combines_[c].recv.data(), rows});
    return Start(EventKind::kCombine, AtChunk(place, c), chunk.recv_splits, chunk.send_splits, width,
                 &combines_[c]);
  };
  GROUTER_RETURN_IF_ERROR(RunStages(route, {start, forward, compute, give_back}));
  ReleasePages(place.layer, /*changed=*/false);
  for (size_t c = 0; c < num_chunks; ++c) {
    GROUTER_RETURN_IF_ERROR(Finish(&combines_[c]));
    const ChunkRoute& chunk = route.chunks[c];
    kernels_.ScatterAddRows({chunk.num_sent(), width, width, width, chunk.indices().row_token, nullptr,
                             combines_[c].recv.data(), y});
  }
  return absl::OkStatus();
}

absl::Status DispatchPipeline::ComputeBackward(const EventPlace& place, const MicroBatchRoute& route,
                                               const ChunkRoute& chunk, const MoeActivations::Chunk& kept,
                                               const float* received, Flight* combine) {
  const ScopedEvent event(context_.log, EventKind::kCompute, place);
  const ExpertShape& shape = context_.experts->options().shape;
  const int64_t width = shape.hidden_size;
  const int64_t inner = shape.intermediate_size;
  const int64_t num_pairs = chunk.num_pairs_received();
  const uint32_t num_rows = chunk.num_arrived();
  float* dy = dy_.Resize(device_, num_pairs * width);
  float* dx = dx_.Resize(device_, num_pairs * width);
  float* dweight = dweight_.Resize(device_, num_pairs);
  kernels_.GatherRows({num_pairs, width, width, width, kept.row.data(), received, dy});
  for (uint32_t slot = 0; slot < chunk.recv_pairs.size(); ++slot) {
    const uint64_t first = chunk.recv_first_pair[slot];
    const int64_t count = chunk.recv_pairs[slot];
    if (count == 0) continue;
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, Page(place.layer, slot));
    ExpertBackwardArgs args;
    args.shape = shape;
    args.num_rows = count;
    args.x = kept.x.data() + first * width;
    args.gate_up = kept.gate_up.data() + first * 2 * inner;
    args.weight = kept.weight.data() + first;
    args.dy = dy + first * width;
    args.da = da_.Resize(device_, count * inner);
    args.weighted_a = weighted_a_.Resize(device_, count * inner);
    args.dgate_up = dgate_up_.Resize(device_, count * 2 * inner);
    args.dx = dx + first * width;
    args.dweight = dweight + first;
    BackwardExpert(device_, page, args);
  }
  // A returned row: D gradients of the activations, then the gradients of its gate weights.
  const int64_t stride = width + route.row_pairs;
  float* rows = combine->send.ResizeZeroed(device_, num_rows * stride);
  kernels_.ScatterAddRows({num_pairs, width, width, stride, kept.row.data(), nullptr, dx, rows});
  kernels_.PackPairGradients(
      {num_pairs, route.row_pairs, stride, kept.row.data(), kept.column.data(), dweight, rows + width});
  return absl::OkStatus();
}

absl::Status DispatchPipeline::Backward(const EventPlace& place, const MicroBatchRoute& route,
                                        const MoeActivations& kept, const float* dy, float* dx,
                                        float* dweights) {
  const int64_t width = context_.experts->options().shape.hidden_size;
  const int64_t stride = width + route.row_pairs;        // of rows that leave the experts
  const int64_t sent_stride = width + route.sent_pairs;  // of rows that reach their token's rank
  const bool has_relays = route.has_relays();
  MakeRoom(route);
  device_.Zero(Stream::kCompute, dweights, route.ids.size() * sizeof(float));

  const auto start = [&](size_t c) {
    const ChunkRoute& chunk = route.chunks[c];
    kernels_.GatherRows({chunk.num_sent(), width, width, width, chunk.indices().row_token, dy,
                         dispatches_[c].send.Resize(device_, chunk.num_sent() * width)});
    return Start(EventKind::kDispatch, AtChunk(place, c), chunk.send_splits, chunk.recv_splits, width,
                 &dispatches_[c]);
  };
  const auto forward = [&](size_t c) {
    GROUTER_RETURN_IF_ERROR(Finish(&dispatches_[c]));
    const ChunkRoute& chunk = route.chunks[c];
    const int64_t num_rows = chunk.relay.first_row.back();
    kernels_.GatherRows({num_rows, width, width, width, kept.relays[c].row.data(), dispatches_[c].recv.data(),
                         relay_dispatches_[c].send.Resize(device_, num_rows * width)});
    return Start(EventKind::kDispatch, AtChunk(place, c), chunk.relay.send_splits, chunk.relay.recv_splits,
                 width, &relay_dispatches_[c]);
  };
  const auto compute = [&](size_t c) {
    Flight& arriving = has_relays ? relay_dispatches_[c] : dispatches_[c];
    Flight& leaving = has_relays ? relay_combines_[c] : combines_[c];
    GROUTER_RETURN_IF_ERROR(Finish(&arriving));
    GROUTER_RETURN_IF_ERROR(ComputeBackward(AtChunk(place, c), route, route.chunks[c], kept.chunks[c],
                                            arriving.recv.data(), &leaving));
    return StartFromExperts(AtChunk(place, c), route, route.chunks[c], stride, &leaving);
  };
  const auto give_back = [&](size_t c) {
    GROUTER_RETURN_IF_ERROR(Finish(&relay_combines_[c]));
    const ChunkRoute& chunk = route.chunks[c];
    const RelayRows& relay = kept.relays[c];
    const int64_t num_rows = chunk.relay.first_row.back();
    const float* arrived = relay_combines_[c].recv.data();
    float* rows = combines_[c].send.ResizeZeroed(device_, chunk.num_received() * sent_stride);
    kernels_.ScatterAddRows({num_rows, width, stride, sent_stride, relay.row.data(), nullptr, arrived, rows});
    kernels_.RelayPairGradients({num_rows, route.sent_pairs, stride, sent_stride, relay.row.data(),
                                 relay.column.data(), relay.count.data(), arrived + width, rows + width});
    return Start(EventKind::kCombine, AtChunk(place, c), chunk.recv_splits, chunk.send_splits, sent_stride,
                 &combines_[c]);
  };
  GROUTER_RETURN_IF_ERROR(RunStages(route, {start, forward, compute, give_back}));
  ReleasePages(place.layer, /*changed=*/true);
  for (size_t c = 0; c < route.chunks.size(); ++c) {
    GROUTER_RETURN_IF_ERROR(Finish(&combines_[c]));
    const ChunkRoute& chunk = route.chunks[c];
    const ChunkIndices indices = chunk.indices();
    const float* rows = combines_[c].recv.data();
    kernels_.ScatterAddRows(
        {chunk.num_sent(), width, sent_stride, width, indices.row_token, nullptr, rows, dx});
    kernels_.UnpackPairGradients(
        {chunk.num_sent(), sent_stride, indices.row_first_pair, indices.pair_choice, rows + width, dweights});
  }
  return absl::OkStatus();
}

}  // namespace grouter
