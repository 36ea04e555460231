#include "trainer/pipeline/learning_rate.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

TEST(LearningRate, WarmsUpThenFallsAlongACosine) {
  OptimizerConfig config;
  config.learning_rate = 1;
  config.min_learning_rate = 0.1;
  config.warmup_steps = 4;
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0, 104), 0.25);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 3, 104), 1);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 4, 104), 1);
  EXPECT_NEAR(LearningRateAt(config, 54, 104), 0.55, 1e-12);
  EXPECT_NEAR(LearningRateAt(config, 104, 104), 0.1, 1e-12);
  EXPECT_NEAR(LearningRateAt(config, 900, 104), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 5, 3), 1);
}

}  // namespace
}  // namespace grouter
