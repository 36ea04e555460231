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

}  // namespace

absl::Status DispatchPipeline::Start(EventKind kind, const EventPlace& place, const ChunkRoute& chunk,
                                     Direction direction, uint64_t row_floats, Flight* flight) {
  const bool forth = direction == Direction::kToExperts;
  flight->recv.Resize(row_floats * (forth ? chunk.num_received() : chunk.num_sent()));
  RowExchange exchange;
  exchange.row_bytes = row_floats * sizeof(float);
  exchange.send = flight->send.data();
  exchange.send_rows = forth ? chunk.send_splits : chunk.recv_splits;
  exchange.recv = flight->recv.data();
  exchange.recv_rows = forth ? chunk.recv_splits : chunk.send_splits;
  if (context_.log != nullptr) flight->event = context_.log->Begin(kind, place);
  GROUTER_ASSIGN_OR_RETURN(flight->work, context_.ep_group->StartAllToAll(exchange));
  return absl::OkStatus();
}

absl::Status DispatchPipeline::Finish(Flight* flight) {
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
  context_.kernels->GatherRows(
      {chunk.num_sent(), width, width, static_cast<int64_t>(stride), chunk.row_token.data(), x, rows});
  for (uint32_t r = 0; r < chunk.num_sent(); ++r) {
    float* slots = rows + r * stride + width;
    float* row_weights = slots + route.row_pairs;
    uint32_t j = 0;
    for (uint32_t p = chunk.row_first_pair[r]; p < chunk.row_first_pair[r + 1]; ++p, ++j) {
      slots[j] = static_cast<float>(chunk.pair_slot[p]);
      row_weights[j] = weights[chunk.pair_choice[p]];
    }
    for (; j < route.row_pairs; ++j) {
      slots[j] = -1;
      row_weights[j] = 0;
    }
  }
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
  GROUTER_ASSIGN_OR_RETURN(
      keep->pairs, SortReceivedRows(received + width, stride, num_rows, route.row_pairs, chunk.recv_pairs));
  const ReceivedPairs& pairs = keep->pairs;
  const int64_t num_pairs = pairs.first_pair.back();
  float* x = keep->x.Resize(num_pairs * width);
  float* gate_up = keep->gate_up.Resize(num_pairs * 2 * inner);
  float* y = y_.Resize(num_pairs * width);
  context_.kernels->GatherRows({num_pairs, width, stride, width, pairs.row.data(), received, x});
  for (uint32_t slot = 0; slot < chunk.recv_pairs.size(); ++slot) {
    const uint64_t first = pairs.first_pair[slot];
    const int64_t count = chunk.recv_pairs[slot];
    if (count == 0) continue;
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, Page(place.layer, slot));
    ExpertForwardArgs args;
    args.shape = shape;
    args.num_rows = count;
    args.x = x + first * width;
    args.gate_up = gate_up + first * 2 * inner;
    args.a = a_.Resize(count * inner);
    args.y = y + first * width;
    ForwardExpert(*context_.kernels, page, args);
  }
  float* rows = combine->send.ResizeZeroed(num_rows * width);
  context_.kernels->ScatterAddRows(
      {num_pairs, width, width, width, pairs.row.data(), pairs.weight.data(), y, rows});
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
    PackForward(route, chunk, x, weights, dispatches_[c].send.Resize(chunk.num_sent() * stride));
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
    context_.kernels->ScatterAddRows({chunk.num_sent(), width, width, width, chunk.row_token.data(), nullptr,
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
  const ReceivedPairs& pairs = kept.pairs;
  const int64_t num_pairs = pairs.first_pair.back();
  const uint32_t num_rows = chunk.num_received();
  float* dy = dy_.Resize(num_pairs * width);
  float* dx = dx_.Resize(num_pairs * width);
  float* dweight = dweight_.Resize(num_pairs);
  context_.kernels->GatherRows({num_pairs, width, width, width, pairs.row.data(), received, dy});
  for (uint32_t slot = 0; slot < chunk.recv_pairs.size(); ++slot) {
    const uint64_t first = pairs.first_pair[slot];
    const int64_t count = chunk.recv_pairs[slot];
    if (count == 0) continue;
    GROUTER_ASSIGN_OR_RETURN(const ExpertPage page, Page(place.layer, slot));
    ExpertBackwardArgs args;
    args.shape = shape;
    args.num_rows = count;
    args.x = kept.x.data() + first * width;
    args.gate_up = kept.gate_up.data() + first * 2 * inner;
    args.weight = pairs.weight.data() + first;
    args.dy = dy + first * width;
    args.da = da_.Resize(count * inner);
    args.weighted_a = weighted_a_.Resize(count * inner);
    args.dgate_up = dgate_up_.Resize(count * 2 * inner);
    args.dx = dx + first * width;
    args.dweight = dweight + first;
    BackwardExpert(*context_.kernels, page, args);
  }
  // A returned row: D gradients of the activations, then the gradients of its gate weights.
  const int64_t stride = width + route.row_pairs;
  float* rows = combine->send.ResizeZeroed(num_rows * stride);
  context_.kernels->ScatterAddRows({num_pairs, width, width, stride, pairs.row.data(), nullptr, dx, rows});
  for (int64_t p = 0; p < num_pairs; ++p) {
    const uint32_t place_in_row = pairs.column[p] - pairs.row[p] * route.row_pairs;
    rows[pairs.row[p] * stride + width + place_in_row] = dweight[p];
  }
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
  if (!route.ids.empty()) std::memset(dweights, 0, route.ids.size() * sizeof(float));

  const auto start_dispatch = [&](size_t c) {
    const ChunkRoute& chunk = route.chunks[c];
    context_.kernels->GatherRows({chunk.num_sent(), width, width, width, chunk.row_token.data(), dy,
                                  dispatches_[c].send.Resize(chunk.num_sent() * width)});
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
    const float* rows = combines_[c].recv.data();
    context_.kernels->ScatterAddRows(
        {chunk.num_sent(), width, stride, width, chunk.row_token.data(), nullptr, rows, dx});
    for (uint32_t r = 0; r < chunk.num_sent(); ++r) {
      for (uint32_t p = chunk.row_first_pair[r]; p < chunk.row_first_pair[r + 1]; ++p) {
        dweights[chunk.pair_choice[p]] = rows[r * stride + width + (p - chunk.row_first_pair[r])];
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace grouter
