#include "routing/network/distill.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/routing/network/memory_samples.h"
#include "tests/routing/network/small_teacher.h"

namespace grouter {
namespace {

DistillOptions SmallOptions() {
  DistillOptions options;
  options.hidden_size = 16;
  options.num_blocks = 1;
  options.num_heads = 4;
  options.mlp_size = 32;
  options.train_tokens = 40'000;
  options.tokens_per_step = 512;
  options.learning_rate = 1e-2;
  options.valid_tokens = 2'000;
  options.num_threads = 1;
  return options;
}

TEST(Distill, LearnsARoutingThatContextDecidesAndBeatsTheStaticTable) {
  SmallTeacher model;
  model.vocab_size = 12;  // few ids: most of the routing is decided by what stands before a token
  const std::string folder = model.Write("distill_teacher");
  const MemorySamples train = RandomSamples(1, 400, 32, 12, 24);
  const MemorySamples valid = RandomSamples(2, 40, 32, 12, 24);
  uint64_t calls = 0;
  const auto result = Distill(folder, train, valid, SmallOptions(), [&](const Progress& progress) {
    ++calls;
    EXPECT_LE(progress.done, progress.total);
    return true;
  });
  ASSERT_TRUE(result.ok()) << result.status();
  const DistillMetrics& metrics = result->metrics;
  EXPECT_GT(calls, metrics.num_steps);
  EXPECT_EQ(metrics.num_steps, 79u);
  EXPECT_LT(metrics.last_loss, metrics.first_loss / 2) << metrics.ToJson();
  EXPECT_LT(metrics.valid_kl, metrics.first_loss / 2) << metrics.ToJson();
  EXPECT_GT(metrics.recall, metrics.static_recall) << metrics.ToJson();
  EXPECT_GE(metrics.recall, metrics.exact_match);
  EXPECT_EQ(metrics.valid_tokens, 1280u);
  EXPECT_EQ(result->router.spec.gate.k, 2u);
  EXPECT_EQ(result->router.spec.shape.num_experts, 8u);
  EXPECT_FALSE(result->router.spec.causality_established);
  EXPECT_EQ(nlohmann::json::parse(result->router.spec.history[0])["step"], "distill");
}

TEST(Distill, TheSameSeedGivesTheSameRouter) {
  const SmallTeacher model;
  const std::string folder = model.Write("distill_seed");
  const MemorySamples samples = RandomSamples(1, 20, 32, 40, 12);
  DistillOptions options = SmallOptions();
  options.train_tokens = 3'000;
  auto a = Distill(folder, samples, samples, options);
  auto b = Distill(folder, samples, samples, options);
  options.seed = 2;
  auto c = Distill(folder, samples, samples, options);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  const std::string out = JoinPath(::testing::TempDir(), "distill_out");
  ASSERT_TRUE(SaveRouter(&a->router, out).ok());
  ASSERT_TRUE(SaveRouter(&b->router, out).ok());
  ASSERT_TRUE(SaveRouter(&c->router, out).ok());
  EXPECT_EQ(a->router.digest, b->router.digest);
  EXPECT_NE(a->router.digest, c->router.digest);
}

TEST(Distill, RefusesWhatDoesNotFitAndStopsWhenToldTo) {
  const SmallTeacher model;
  const std::string folder = model.Write("distill_bad");
  const MemorySamples samples = RandomSamples(1, 4, 32, 40);
  DistillOptions options = SmallOptions();
  options.num_heads = 3;
  EXPECT_EQ(Distill(folder, samples, samples, options).status().code(), absl::StatusCode::kInvalidArgument);
  options = SmallOptions();
  options.train_tokens = 0;
  EXPECT_EQ(Distill(folder, samples, samples, options).status().code(), absl::StatusCode::kInvalidArgument);
  options = SmallOptions();
  EXPECT_EQ(Distill(folder, MemorySamples({}), samples, options).status().code(),
            absl::StatusCode::kInvalidArgument);
  const MemorySamples foreign = RandomSamples(1, 4, 32, 400);
  EXPECT_EQ(Distill(folder, foreign, samples, options).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Distill("/nowhere", samples, samples, options).status().code(), absl::StatusCode::kNotFound);
  const auto stop = [](const Progress&) { return false; };
  EXPECT_EQ(Distill(folder, samples, samples, options, stop).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace grouter
