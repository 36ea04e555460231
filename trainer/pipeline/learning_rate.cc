#include "trainer/pipeline/learning_rate.h"

#include <algorithm>
#include <cmath>

namespace grouter {

double LearningRateAt(const OptimizerConfig& config, uint64_t step, uint64_t num_steps) {
  if (step < config.warmup_steps) {
    return config.learning_rate * static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps);
  }
  if (num_steps <= config.warmup_steps) return config.learning_rate;
  const double done = std::min(1.0, static_cast<double>(step - config.warmup_steps) /
                                        static_cast<double>(num_steps - config.warmup_steps));
  const double cosine = 0.5 * (1 + std::cos(3.141592653589793 * done));
  return config.min_learning_rate + (config.learning_rate - config.min_learning_rate) * cosine;
}

}  // namespace grouter
