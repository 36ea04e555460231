#include "trainer/dispatch/dispatch_pipeline.h"

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

absl::Status DispatchPipeline::Start(EventKind kind, const EventPlace& place, const ChunkRoute& chunk,
                                     Direction direction, uint64_t row_floats, Flight* flight) {
  const bool forth = direction == Direction::kToExperts;
  flight->recv.Resize(device_, row_floats * (forth ? chunk.num_received() : chunk.num_sent()));
  RowExchange exchange;
  exchange.row_bytes = row_floats * sizeof(float);
  exchange.send = flight->send.data();
  exchange.send_rows = forth ? chunk.send_splits : chunk.recv_splits;
  exchange.recv = flight->recv.data();
  exchange.recv_rows = forth ? chunk.recv_splits : chunk.send_splits;
  exchange.memory = MemoryKind::kDevice;
  if (context_.log != nullptr) flight->event = context_.log->Begin(kind, place);
  const DeviceScope scope(device_);
  GROUTER_ASSIGN_OR_RETURN(flight->work, context_.ep_group->StartAllToAll(exchange));
  return absl::OkStatus();
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
  const uint64_t stride = width + 2 * route.row_pairs;
  const ChunkIndices indices = chunk.indices();
  kernels_.GatherRows(
      {chunk.num_sent(), width, width, static_cast<int64_t>(stride), indices.row_token, x, rows});
  kernels_.PackPairs({chunk.num_sent(), route.row_pairs, static_cast<int64_t>(stride), indices.row_first_pair,
                      indices.pair_slot, indices.pair_choice, weights, rows + width});
}

absl::Status DispatchPipeline::ComputeForward(const EventPlace& place, const MicroBatchRoute& route,
                                              const ChunkRoute& chunk, const float* received,
                                              MoeActivations::Chunk* keep, Flight* combine) {
  const ScopedEvent event(context_.log, EventKind::kCompute, place);
  const ExpertShape& shape = context_.experts->options().shape;
  const int64_t width = shape.hidden_size;
  const int64_t inner = shape.intermediate_size;
  const int64_t stride = width + 2 * route.row_pairs;
  const uint32_t num_rows = chunk.num_received();
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
  if (dispatches_.size() < num_chunks) dispatches_.resize(num_chunks);
  if (combines_.size() < num_chunks) combines_.resize(num_chunks);
  if (keep != nullptr && keep->chunks.size() < num_chunks) keep->chunks.resize(num_chunks);
  pages_.assign(context_.experts->options().num_slots, ExpertPage());

  const auto start_dispatch = [&](size_t c) {
    const ChunkRoute& chunk = route.chunks[c];
    const uint64_t stride = width + 2 * route.row_pairs;
    PackForward(route, chunk, x, weights, dispatches_[c].send.Resize(device_, chunk.num_sent() * stride));
    return Start(EventKind::kDispatch, AtChunk(place, c), chunk, Direction::kToExperts, stride,
                 &dispatches_[c]);
  };
  if (num_chunks > 0) GROUTER_RETURN_IF_ERROR(start_dispatch(0));
  for (size_t c = 0; c < num_chunks; ++c) {
    if (c + 1 < num_chunks) GROUTER_RETURN_IF_ERROR(start_dispatch(c + 1));
    GROUTER_RETURN_IF_ERROR(Finish(&dispatches_[c]));
    GROUTER_RETURN_IF_ERROR(
        ComputeForward(AtChunk(place, c), route, route.chunks[c], dispatches_[c].recv.data(),
                       keep != nullptr ? &keep->chunks[c] : &scratch_keep_, &combines_[c]));
    GROUTER_RETURN_IF_ERROR(Start(EventKind::kCombine, AtChunk(place, c), route.chunks[c],
                                  Direction::kToTokens, width, &combines_[c]));
  }
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
  const uint32_t num_rows = chunk.num_received();
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
  const size_t num_chunks = route.chunks.size();
  if (dispatches_.size() < num_chunks) dispatches_.resize(num_chunks);
  if (combines_.size() < num_chunks) combines_.resize(num_chunks);
  pages_.assign(context_.experts->options().num_slots, ExpertPage());
  device_.Zero(Stream::kCompute, dweights, route.ids.size() * sizeof(float));

  const auto start_dispatch = [&](size_t c) {
    const ChunkRoute& chunk = route.chunks[c];
    kernels_.GatherRows({chunk.num_sent(), width, width, width, chunk.indices().row_token, dy,
                         dispatches_[c].send.Resize(device_, chunk.num_sent() * width)});
    return Start(EventKind::kDispatch, AtChunk(place, c), chunk, Direction::kToExperts, width,
                 &dispatches_[c]);
  };
  const int64_t stride = width + route.row_pairs;
  if (num_chunks > 0) GROUTER_RETURN_IF_ERROR(start_dispatch(0));
  for (size_t c = 0; c < num_chunks; ++c) {
    if (c + 1 < num_chunks) GROUTER_RETURN_IF_ERROR(start_dispatch(c + 1));
    GROUTER_RETURN_IF_ERROR(Finish(&dispatches_[c]));
    GROUTER_RETURN_IF_ERROR(ComputeBackward(AtChunk(place, c), route, route.chunks[c], kept.chunks[c],
                                            dispatches_[c].recv.data(), &combines_[c]));
    GROUTER_RETURN_IF_ERROR(Start(EventKind::kCombine, AtChunk(place, c), route.chunks[c],
                                  Direction::kToTokens, stride, &combines_[c]));
  }
  ReleasePages(place.layer, /*changed=*/true);
  for (size_t c = 0; c < num_chunks; ++c) {
    GROUTER_RETURN_IF_ERROR(Finish(&combines_[c]));
    const ChunkRoute& chunk = route.chunks[c];
    const ChunkIndices indices = chunk.indices();
    const float* rows = combines_[c].recv.data();
    kernels_.ScatterAddRows(
        {chunk.num_sent(), width, stride, width, chunk.indices().row_token, nullptr, rows, dx});
    kernels_.UnpackPairGradients(
        {chunk.num_sent(), stride, indices.row_first_pair, indices.pair_choice, rows + width, dweights});
  }
  return absl::OkStatus();
}

}  // namespace grouter
