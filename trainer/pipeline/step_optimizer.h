// From gradients to new weights: reduce, measure, clip, AdamW.
#ifndef GROUTER_TRAINER_PIPELINE_STEP_OPTIMIZER_H_
#define GROUTER_TRAINER_PIPELINE_STEP_OPTIMIZER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/experts/replica_sync.h"
#include "trainer/model/language_model.h"
#include "trainer/model/parameters.h"
#include "trainer/pipeline/learning_rate.h"

namespace grouter {

// Of the whole world, the same on all ranks.
struct StepNumbers {
  double loss_sum = 0;
  RouterLosses router;
  double gradient_norm = 0;
  bool applied = false;  // false: the norm was not finite and the weights stayed as they were
};

struct StepOptimizerContext {
  Collectives* world = nullptr;
  ReplicaSyncContext replicas;
  DenseParameters* dense = nullptr;
  StepEventLog* log = nullptr;
};

// One rank's. Dense gradients are summed over all ranks, expert gradients over replicas and peers; the norm
// counts each logical parameter once: dense ones on world rank 0, an expert on its owner in the first EP
// group.
class StepOptimizer {
 public:
  StepOptimizer(const OptimizerConfig& config, const StepOptimizerContext& context)
      : config_(config), context_(context) {}

  // Updates all weights with this step's gradients and zeroes them. `placement_of_layer` [layers]; `local` is
  // this rank's share of the losses.
  absl::StatusOr<StepNumbers> Apply(uint64_t step, double learning_rate,
                                    const std::vector<const LayerPlacement*>& placement_of_layer,
                                    const LossSums& local);

  // Updates applied so far: AdamW's t. Part of a checkpoint.
  uint64_t num_updates() const { return num_updates_; }
  void set_num_updates(uint64_t n) { num_updates_ = n; }

 private:
  void Update(int64_t size, float learning_rate, float decay, float scale, float* weights, float* gradients,
              float* means, float* variances) const;

  const OptimizerConfig config_;
  const StepOptimizerContext context_;
  uint64_t num_updates_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_STEP_OPTIMIZER_H_
