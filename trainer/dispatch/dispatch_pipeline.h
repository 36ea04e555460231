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
#ifndef GROUTER_TRAINER_DISPATCH_DISPATCH_PIPELINE_H_
#define GROUTER_TRAINER_DISPATCH_DISPATCH_PIPELINE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "trainer/collectives/collectives.h"
#include "trainer/device/device_buffer.h"
#include "trainer/dispatch/chunk_route.h"
#include "trainer/experts/expert_store.h"
#include "trainer/pipeline/step_events.h"

namespace grouter {

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
  enum class Direction { kToExperts, kToTokens };

  absl::Status Start(EventKind kind, const EventPlace& place, const ChunkRoute& chunk, Direction direction,
                     uint64_t row_floats, Flight* flight);
  absl::Status Finish(Flight* flight);
  // Expert pages of one layer, held from first need to ReleasePages.
  absl::StatusOr<ExpertPage> Page(int32_t layer, uint32_t slot);
  void ReleasePages(int32_t layer, bool changed);

  void PackForward(const MicroBatchRoute& route, const ChunkRoute& chunk, const float* x,
                   const float* weights, float* rows);
  absl::Status ComputeForward(const EventPlace& place, const MicroBatchRoute& route, const ChunkRoute& chunk,
                              const float* received, MoeActivations::Chunk* keep, Flight* combine);
  absl::Status ComputeBackward(const EventPlace& place, const MicroBatchRoute& route, const ChunkRoute& chunk,
                               const MoeActivations::Chunk& kept, const float* received, Flight* combine);

  const DispatchContext context_;
  Device& device_;
  const Kernels& kernels_;
  IndexBuffer mismatch_;              // [1]
  DeviceBuffer<uint32_t> next_pair_;  // [slots] scratch
  std::vector<Flight> dispatches_;    // [chunks]
  std::vector<Flight> combines_;
  std::vector<ExpertPage> pages_;  // [slots], weights null while not held
  MoeActivations::Chunk scratch_keep_;
  FloatBuffer a_, y_, da_, weighted_a_, dgate_up_, dx_, dy_, dweight_;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_DISPATCH_DISPATCH_PIPELINE_H_
