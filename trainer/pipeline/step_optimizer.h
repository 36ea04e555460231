// From gradients to new weights: reduce, measure, clip, AdamW.
#ifndef GROUTER_TRAINER_PIPELINE_STEP_OPTIMIZER_H_
#define GROUTER_TRAINER_PIPELINE_STEP_OPTIMIZER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/device/device_buffer.h"
#include "trainer/experts/replica_sync.h"
#include "trainer/model/language_model.h"
#include "trainer/model/parameters.h"
#include "trainer/pipeline/learning_rate.h"

namespace grouter {

// Of the whole world, the same on all ranks.
struct StepNumbers {
  double loss_sum = 0;
  double balance_loss = 0;  // a learned router's
  double z_loss = 0;
  double gradient_norm = 0;
  bool applied = false;  // false: the norm was not finite and the weights stayed as they were
};

struct StepOptimizerContext {
  Collectives* world = nullptr;
  ReplicaSyncContext replicas;
  DenseParameters* dense = nullptr;
  StepEventLog* log = nullptr;
  const int32_t* mismatch = nullptr;  // DispatchPipeline's; may be null
};

// One rank's. Dense gradients are summed over all ranks, expert gradients over replicas and peers; the norm
// counts each logical parameter once: dense ones on world rank 0, an expert on its owner in the first EP
// group.
class StepOptimizer {
 public:
  StepOptimizer(const OptimizerConfig& config, const StepOptimizerContext& context);
  ~StepOptimizer();

  // On the device: where this step's losses are added up. Zero after Launch.
  StepSums* sums() { return sums_.data(); }
  // Queues the update of all weights with this step's gradients, which become zero, and the copy of the
  // step's numbers; waits for nothing. `placement_of_layer` [layers].
  absl::Status Launch(uint64_t step, double learning_rate,
                      const std::vector<const LayerPlacement*>& placement_of_layer);
  // The numbers of the earliest Launch that was not collected; waits until it is done, so that calling it
  // after the next Launch leaves the device with work. INTERNAL when rows did not carry the pairs that plans
  // announced. REQUIRES: one or two launches not collected; not more than two before the next Launch.
  absl::StatusOr<StepNumbers> Collect();
  uint32_t num_uncollected() const { return static_cast<uint32_t>(num_launched_ - num_collected_); }

  // Updates applied so far, as of the last Collect: AdamW's t. Part of a checkpoint.
  uint64_t num_updates() const { return num_updates_; }
  absl::Status set_num_updates(uint64_t n);

 private:
  // What a step's host copy consists of.
  struct Numbers {
    StepSums sums;
    UpdateDecision decision;
    int32_t mismatch = 0;
  };
  void Update(int64_t size, float learning_rate, float decay, float* weights, float* gradients, float* means,
              float* variances) const;

  const OptimizerConfig config_;
  const StepOptimizerContext context_;
  Device& device_;
  DeviceBuffer<StepSums> sums_;
  DeviceBuffer<UpdateDecision> decision_;
  Numbers* numbers_ = nullptr;  // [2] host memory
  DeviceEventPtr copied_[2];
  uint64_t num_launched_ = 0;
  uint64_t num_collected_ = 0;
  uint64_t num_updates_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_STEP_OPTIMIZER_H_
