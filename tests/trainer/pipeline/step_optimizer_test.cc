#include "trainer/pipeline/step_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/trainer/model/small_model.h"

namespace grouter {
namespace testing {
namespace {

struct Stepping {
  explicit Stepping(OptimizerConfig config) : model(RoutingMode::kPlan, {}) {
    world = std::move(MakeInProcessCollectives(1)[0]);
    placement = LayerPlacement::Contiguous(5, 1);
    placements.assign(2, &placement);
    StepOptimizerContext context;
    context.world = world.get();
    context.replicas = {world.get(), world.get(), &model.experts()};
    context.dense = &model.parameters();
    optimizer = std::make_unique<StepOptimizer>(config, context);
  }
  void SetGradients(float dense, float expert) {
    DenseParameters& parameters = model.parameters();
    std::fill(parameters.gradients(), parameters.gradients() + parameters.size(), dense);
    for (uint32_t l = 0; l < 2; ++l) {
      for (uint32_t e = 0; e < 5; ++e) {
        const ExpertPage page = *model.experts().Acquire({l, e});
        std::fill(page.gradients, page.gradients + model.config().expert_shape().size(), expert);
      }
    }
  }
  absl::StatusOr<StepNumbers> Apply(double learning_rate) {
    const absl::Status status = optimizer->Launch(0, learning_rate, placements);
    if (!status.ok()) return status;
    return optimizer->Collect();
  }
  SmallModel model;
  std::unique_ptr<Collectives> world;
  LayerPlacement placement;
  std::vector<const LayerPlacement*> placements;
  std::unique_ptr<StepOptimizer> optimizer;
};

TEST(StepOptimizer, CountsEveryParameterOnceAndClips) {
  OptimizerConfig config;
  config.clip_norm = 0;
  config.weight_decay = 0;
  Stepping s(config);
  s.SetGradients(0.5f, 0.25f);
  const double dense = static_cast<double>(s.model.parameters().size());
  const double experts = 10.0 * static_cast<double>(s.model.config().expert_shape().size());
  const float before = s.model.parameters().weights()[7];
  const auto numbers = s.Apply(0.01);
  ASSERT_TRUE(numbers.ok());
  EXPECT_NEAR(numbers->gradient_norm, std::sqrt(dense * 0.25 + experts * 0.0625), 1e-3);
  // The first step of AdamW moves by the learning rate, whatever the gradient's size.
  EXPECT_NEAR(s.model.parameters().weights()[7], before - 0.01, 1e-5);
  EXPECT_EQ(s.model.parameters().gradients()[7], 0);
  EXPECT_EQ(s.model.experts().Acquire({1, 4})->gradients[0], 0);
  EXPECT_EQ(s.optimizer->num_updates(), 1u);

  OptimizerConfig clipped = config;
  clipped.clip_norm = 1e-3;
  Stepping c(clipped);
  c.SetGradients(0.5f, 0.25f);
  ASSERT_TRUE(c.Apply(0.01).ok());
  EXPECT_NEAR(c.model.parameters().means()[7], 0.1 * 0.5 * 1e-3 / numbers->gradient_norm, 1e-9);
}

TEST(StepOptimizer, AGradientThatIsNotFiniteChangesNoWeight) {
  Stepping s({});
  s.SetGradients(1, 1);
  s.model.experts().Acquire({1, 2})->gradients[3] = std::numeric_limits<float>::infinity();
  DenseParameters& dense = s.model.parameters();
  const std::vector<float> before(dense.weights(), dense.weights() + dense.size());
  const auto numbers = s.Apply(0.01);
  ASSERT_TRUE(numbers.ok());
  EXPECT_FALSE(numbers->applied);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), dense.weights()));
  EXPECT_EQ(s.model.experts().Acquire({1, 2})->gradients[3], 0);
  EXPECT_EQ(s.optimizer->num_updates(), 0u);
}

TEST(StepOptimizer, NumbersOfAStepAreReadAfterTheNextWasLaunched) {
  Stepping s({});
  s.optimizer->sums()->loss = 5;
  ASSERT_TRUE(s.optimizer->Launch(0, 0.01, s.placements).ok());
  EXPECT_EQ(s.optimizer->sums()->loss, 0);
  s.optimizer->sums()->loss = 7;
  s.optimizer->sums()->balance = 2;
  ASSERT_TRUE(s.optimizer->Launch(1, 0.01, s.placements).ok());
  EXPECT_EQ(s.optimizer->num_uncollected(), 2u);
  EXPECT_EQ(s.optimizer->Collect()->loss_sum, 5);
  EXPECT_EQ(s.optimizer->num_updates(), 1u);
  const auto second = s.optimizer->Collect();
  EXPECT_EQ(second->loss_sum, 7);
  EXPECT_EQ(second->balance_loss, 2);
  EXPECT_EQ(s.optimizer->num_updates(), 2u);
}

TEST(StepOptimizer, WeightsDecayAndNormsDoNot) {
  OptimizerConfig config;
  config.weight_decay = 0.5;
  Stepping s(config);
  DenseParameters& dense = s.model.parameters();
  const float matrix = dense.weights()[0], norm = dense.weights()[dense.final_norm()];
  ASSERT_TRUE(s.Apply(0.1).ok());
  EXPECT_FLOAT_EQ(dense.weights()[0], matrix * 0.95f);
  EXPECT_EQ(dense.weights()[dense.final_norm()], norm);
}

}  // namespace
}  // namespace testing
}  // namespace grouter
