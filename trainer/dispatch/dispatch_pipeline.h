// Dispatch, experts, combine: the MoE layer between its gate and its residual, in chunks, so that rows of one
// chunk travel while experts compute another.
//
//   chunk 0: dispatch ---- compute ---- combine
//   chunk 1:      dispatch ------------ compute ---- combine        (forward; backward runs the same shape)
//
// Every rank computes its splits and indices from its own ChunkRoutes; nothing here asks anybody for a count.
// Forward sends activations with each row's slots and gate weights; the experts' rank forms the weighted sum
// in fp32 by ascending slot; returned rows are added by ascending rank. Backward of combine is dispatch with
// the same indices and the other way round; the gate weights' gradient returns as extra columns.
//
// With once_per_node both have a second hop: a relay forwards rows inside its block, adds what comes back by
// ascending rank, and returns one row; the token's rank adds those by ascending node. While experts compute a
// chunk, the next one is on its second hop and the one after that on its first.
#ifndef GROUTER_TRAINER_DISPATCH_DISPATCH_PIPELINE_H_
#define GROUTER_TRAINER_DISPATCH_DISPATCH_PIPELINE_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "trainer/collectives/collectives.h"
#include "trainer/device/device_buffer.h"
#include "trainer/dispatch/chunk_route.h"
#include "trainer/experts/expert_store.h"
#include "trainer/pipeline/step_events.h"

namespace grouter {

// What a relay remembers of the F rows of a chunk that it forwarded.
struct RelayRows {
  IndexBuffer row;     // [F] the received row
  IndexBuffer column;  // [F] row * sent_pairs + place of its first pair there
  IndexBuffer count;   // [F] its pairs
};

// What forward keeps for backward, of one layer and micro-batch. Reused from step to step.
struct MoeActivations {
  struct Chunk {
    IndexBuffer row;      // [P] the received row of each pair, pairs sorted by slot, then by row
    IndexBuffer column;   // [P] row * row_pairs + place in the row: where its weight came
    FloatBuffer weight;   // [P]
    FloatBuffer x;        // [P, D] rows sorted by slot
    FloatBuffer gate_up;  // [P, 2F]
  };
  std::vector<Chunk> chunks;
  std::vector<RelayRows> relays;  // [chunks], once_per_node only
};

// What all layers share. Everything outlives the pipeline; `log` may be null.
struct DispatchContext {
  Collectives* ep_group = nullptr;
  Device* device = nullptr;
  ExpertStore* experts = nullptr;
  StepEventLog* log = nullptr;
};

// One rank's pipeline; one thread calls, and all ranks of the EP group call in the same order. Errors are
// those of Collectives and ExpertStore; after one the pipeline is of no more use.
class DispatchPipeline {
 public:
  explicit DispatchPipeline(const DispatchContext& context)
      : context_(context), device_(*context.device), kernels_(context.device->kernels()) {
    mismatch_.ResizeZeroed(device_, 1);
  }

  // y [T, D] += the experts' output for x [T, D] with gate weights [T, k]. `keep` nullptr: no backward
  // follows.
  absl::Status Forward(const EventPlace& place, const MicroBatchRoute& route, const float* x,
                       const float* weights, float* y, MoeActivations* keep);
  // dx [T, D] += and dweights [T, k] = gradients for dy [T, D]; experts' gradients accumulate in their pages.
  absl::Status Backward(const EventPlace& place, const MicroBatchRoute& route, const MoeActivations& kept,
                        const float* dy, float* dx, float* dweights);
  // On the device: not 0 when received rows did not carry the pairs that were announced. Where the device is
  // the host, Forward has said so.
  const int32_t* mismatch() const { return mismatch_.data(); }

 private:
  // An exchange that is under way and the buffers it uses.
  struct Flight {
    std::unique_ptr<Work> work;
    StepEventLog::Handle event = StepEventLog::kNone;
    FloatBuffer send;
    FloatBuffer recv;
  };
  // What happens to one chunk, stage by stage; each is called for ascending chunks.
  struct Stages {
    absl::FunctionRef<absl::Status(size_t)> start;      // rows leave
    absl::FunctionRef<absl::Status(size_t)> forward;    // relays only: rows of others go on
    absl::FunctionRef<absl::Status(size_t)> compute;    // rows have come; results leave
    absl::FunctionRef<absl::Status(size_t)> give_back;  // relays only: results go on
  };

  static absl::Status RunStages(const MicroBatchRoute& route, const Stages& stages);
  void MakeRoom(const MicroBatchRoute& route);
  // Starts an exchange of flight->send, [sum of send_splits, row_floats].
  absl::Status Start(EventKind kind, const EventPlace& place, const std::vector<uint32_t>& send_splits,
                     const std::vector<uint32_t>& recv_splits, uint64_t row_floats, Flight* flight);
  // Results leave the experts, to the tokens' ranks or to relays.
  absl::Status StartFromExperts(const EventPlace& place, const MicroBatchRoute& route,
                                const ChunkRoute& chunk, uint64_t row_floats, Flight* flight);
  absl::Status Finish(Flight* flight);
  // Expert pages of one layer, held from first need to ReleasePages.
  absl::StatusOr<ExpertPage> Page(int32_t layer, uint32_t slot);
  void ReleasePages(int32_t layer, bool changed);

  void PackForward(const MicroBatchRoute& route, const ChunkRoute& chunk, const float* x,
                   const float* weights, float* rows);
  absl::Status ForwardToBlock(const EventPlace& place, const MicroBatchRoute& route, const ChunkRoute& chunk,
                              const float* received, RelayRows* keep, Flight* onward);
  absl::Status ComputeForward(const EventPlace& place, const MicroBatchRoute& route, const ChunkRoute& chunk,
                              const float* received, MoeActivations::Chunk* keep, Flight* combine);
  absl::Status ComputeBackward(const EventPlace& place, const MicroBatchRoute& route, const ChunkRoute& chunk,
                               const MoeActivations::Chunk& kept, const float* received, Flight* combine);

  const DispatchContext context_;
  Device& device_;
  const Kernels& kernels_;
  IndexBuffer mismatch_;              // [1]
  DeviceBuffer<uint32_t> next_pair_;  // [slots] scratch
  std::vector<Flight> dispatches_;    // [chunks] the first or only hop
  std::vector<Flight> combines_;
  std::vector<Flight> relay_dispatches_;  // [chunks] the hop inside the block
  std::vector<Flight> relay_combines_;
  std::vector<ExpertPage> pages_;          // [slots], weights null while not held
  MoeActivations::Chunk scratch_keep_;     // of forward without backward
  std::vector<RelayRows> scratch_relays_;  // likewise
  FloatBuffer a_, y_, da_, weighted_a_, dgate_up_, dx_, dy_, dweight_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_DISPATCH_DISPATCH_PIPELINE_H_
