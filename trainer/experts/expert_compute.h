// One expert's arithmetic on its rows, forward and backward.
#ifndef GROUTER_TRAINER_EXPERTS_EXPERT_COMPUTE_H_
#define GROUTER_TRAINER_EXPERTS_EXPERT_COMPUTE_H_

#include <cstdint>

#include "trainer/device/device.h"
#include "trainer/experts/expert_shape.h"

namespace grouter {

// Buffers of P rows of one expert, all row-major and dense. They belong to the caller.
struct ExpertForwardArgs {
  ExpertShape shape;
  int64_t num_rows = 0;
  const float* x = nullptr;  // [P, D]
  float* gate_up = nullptr;  // [P, 2F], kept for backward
  float* a = nullptr;        // [P, F], scratch
  float* y = nullptr;        // [P, D]
};

// Gradients of the expert's weights accumulate into page.gradients.
struct ExpertBackwardArgs {
  ExpertShape shape;
  int64_t num_rows = 0;
  const float* x = nullptr;        // [P, D] as in forward
  const float* gate_up = nullptr;  // [P, 2F] from forward
  const float* weight = nullptr;   // [P] gate weights
  const float* dy = nullptr;       // [P, D] gradient of the weighted output
  float* da = nullptr;             // [P, F], scratch
  float* weighted_a = nullptr;     // [P, F], scratch
  float* dgate_up = nullptr;       // [P, 2F], scratch
  float* dx = nullptr;             // [P, D]
  float* dweight = nullptr;        // [P] gradient of the gate weights
};

// y = (silu(x gate^T) * (x up^T)) down^T, without the gate weight. Nothing is done for no rows.
void ForwardExpert(Device& device, const ExpertPage& page, const ExpertForwardArgs& args);
void BackwardExpert(Device& device, const ExpertPage& page, const ExpertBackwardArgs& args);

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_EXPERT_COMPUTE_H_
