// AdamW with linear warm-up, cosine decay and clipping by the global norm. For this room's sources.
#ifndef GROUTER_ROUTING_NETWORK_TENSORS_ADAMW_H_
#define GROUTER_ROUTING_NETWORK_TENSORS_ADAMW_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace grouter {

struct AdamWOptions {
  double learning_rate = 2e-3;  // at the end of the warm-up
  double final_share = 0.1;     // of it, at the last step
  uint64_t num_steps = 1;
  uint64_t warmup_steps = 0;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.01;  // of tensors with two or more dimensions
  double max_norm = 1.0;       // gradients are scaled down to this; 0: never
};

// The rate of update `step`, 0-based: pure.
double LearningRateAt(const AdamWOptions& options, uint64_t step);

// Updates parameters in place from their gradients. One thread at a time.
class AdamW {
 public:
  // The tensors are shared, not copied.
  AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options);
  // One update; gradients are dropped afterwards. Returns the gradients' norm before clipping; when it is not
  // finite nothing is changed. Parameters without a gradient stay.
  double Step();

 private:
  struct Group {
    double weight_decay;
    std::vector<at::Tensor> parameters, means, squares, steps;
  };
  AdamWOptions options_;
  std::vector<Group> groups_;
  uint64_t step_ = 0;
};

}  // namespace grouter

#endif  // GROUTER_ROUTING_NETWORK_TENSORS_ADAMW_H_
