// The sizes of one expert and the four planes its state consists of.
#ifndef GROUTER_TRAINER_EXPERTS_EXPERT_SHAPE_H_
#define GROUTER_TRAINER_EXPERTS_EXPERT_SHAPE_H_

#include <cstdint>

namespace grouter {

// A SwiGLU expert: gate [F, D] then up [F, D] (together gate_up [2F, D]), then down [D, F], row-major fp32.
struct ExpertShape {
  uint32_t hidden_size = 0;        // D
  uint32_t intermediate_size = 0;  // F
  uint64_t gate_up_size() const { return uint64_t{2} * intermediate_size * hidden_size; }
  uint64_t down_size() const { return uint64_t{hidden_size} * intermediate_size; }
  uint64_t size() const { return gate_up_size() + down_size(); }
};

// One stored expert while it is resident: four planes of ExpertShape::size() floats, 64-byte aligned.
struct ExpertPage {
  float* weights = nullptr;
  float* gradients = nullptr;
  float* means = nullptr;      // AdamW's first moment
  float* variances = nullptr;  // its second
};

}  // namespace grouter

#endif  // GROUTER_TRAINER_EXPERTS_EXPERT_SHAPE_H_
