// AdamW's settings, and the learning rate as a function of the step.
#ifndef GROUTER_TRAINER_PIPELINE_LEARNING_RATE_H_
#define GROUTER_TRAINER_PIPELINE_LEARNING_RATE_H_

#include <cstdint>

namespace grouter {

struct OptimizerConfig {
  double learning_rate = 1e-3;
  double min_learning_rate = 1e-4;  // at the end of the cosine
  uint64_t warmup_steps = 100;      // linear from 0
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 1.0;  // 0: no clipping
};

// Warm-up, then a cosine to min_learning_rate at num_steps.
double LearningRateAt(const OptimizerConfig& config, uint64_t step, uint64_t num_steps);

}  // namespace grouter

#endif  // GROUTER_TRAINER_PIPELINE_LEARNING_RATE_H_
