#include "trainer/pipeline/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/training/small_training.h"
#include "tests/trainer/model/small_model.h"
#include "trainer/pipeline/index_plan_source.h"

namespace grouter {
namespace {

TEST(Evaluator, AveragesOverLossTokensAndComparesRoutesWithTheLastCall) {
  const std::string folder = JoinPath(::testing::TempDir(), "evaluator");
  testing::SmallTrainingOptions options;
  options.vocab_size = 40;
  const testing::SmallTraining training(folder, options);
  testing::SmallModel small(RoutingMode::kLearned, {});
  auto world = std::move(MakeInProcessCollectives(1)[0]);
  EvaluatorContext context;
  context.tokens.resize(1);
  context.tokens[0].dataset = IndexedDataset::Open(JoinPath(folder, "tokens")).value();
  context.tokens[0].index = SampleIndex::Open(JoinPath(folder, "samples.gsi")).value();
  IndexPlanOptions plans;
  plans.split = "valid";
  plans.samples_per_step = 3;
  plans.shuffle = false;
  const auto source = MakeIndexPlanSource(context.tokens[0].index, plans).value();
  context.source = source.get();
  context.feed.end_step = source->num_steps();
  context.feed.with_routes = false;
  context.feed.num_experts_per_tok = 2;
  context.layer_group_of_layer = {0, 0};
  context.model = &small.model();
  context.experts = &small.experts();
  context.world = world.get();
  context.compare_routes = true;
  Evaluator evaluator(context);
  const auto first = evaluator.Run();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->route_exact_match.empty());
  EXPECT_EQ(first->num_loss_tokens, context.tokens[0].index->FindSplit("valid")->num_loss_tokens);
  double sum = 0;
  for (uint64_t step = 0; step < context.feed.end_step; ++step) {
    const auto batch = StepFeed::Make(*source, context.tokens, context.feed, step, nullptr).value();
    sum += small.Evaluate(batch->micro_batches[0]).value().loss;
  }
  EXPECT_NEAR(first->loss, sum / static_cast<double>(first->num_loss_tokens), 1e-9);

  const auto same = evaluator.Run();
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->loss, first->loss);
  EXPECT_EQ(same->route_exact_match, (std::vector<double>{1, 1}));
  // Another gate in the second layer routes otherwise there, and only there.
  DenseParameters& dense = small.parameters();
  for (uint64_t i = 0; i < 5 * 16; ++i) dense.weights()[dense.layer(1).gate + i] *= -1;
  const auto other = evaluator.Run();
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->route_exact_match[0], 1);
  EXPECT_LT(other->route_exact_match[1], 0.9);
}

}  // namespace
}  // namespace grouter
