#include "routing/network/tune.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/routing/network/memory_samples.h"

namespace grouter {
namespace {

TuneOptions SmallOptions(TuneMethod method) {
  TuneOptions options;
  options.method = method;
  options.train_tokens = 30'000;
  options.tokens_per_step = 1'000;
  options.learning_rate = 2e-2;
  options.bias_rate = 0.2;
  options.num_threads = 1;
  return options;
}

void ExpectBalances(TuneMethod method, const char* changed) {
  const Router router = SmallRouter();
  const MemorySamples train = RandomSamples(1, 100, 40, 50);
  const MemorySamples valid = RandomSamples(2, 50, 40, 50);
  const auto result = Tune(router, train, valid, SmallOptions(method));
  ASSERT_TRUE(result.ok()) << result.status();
  const TuneMetrics& metrics = result->metrics;
  EXPECT_GT(metrics.max_vio_before, 0.2) << metrics.ToJson();
  EXPECT_LT(metrics.max_vio_after, metrics.max_vio_before * 0.7) << metrics.ToJson();
  EXPECT_GT(metrics.kept_share, 0.5) << metrics.ToJson();
  EXPECT_EQ(metrics.valid_tokens, 2000u);
  // Nothing but one tensor changed.
  for (const auto& [name, tensor] : result->router.tensors) {
    const auto before = router.tensors.find(name);
    const bool same = before != router.tensors.end() && before->second.values == tensor.values;
    EXPECT_EQ(same, name != changed) << name;
  }
  EXPECT_EQ(nlohmann::json::parse(result->router.spec.history.back())["step"], "tune");
}

TEST(Tune, TheLoadBalanceLossAloneEvensTheLoadByTheLastLayer) {
  ExpectBalances(TuneMethod::kLoadBalanceLoss, kScoreWeight);
}

TEST(Tune, TheSelectionBiasEvensTheLoadWithoutTouchingAWeight) {
  ExpectBalances(TuneMethod::kSelectionBias, kSelectionBias);
}

TEST(Tune, IsDeterministicAndStopsWhenToldTo) {
  const MemorySamples samples = RandomSamples(1, 20, 40, 50);
  TuneOptions options = SmallOptions(TuneMethod::kLoadBalanceLoss);
  options.train_tokens = 4'000;
  const auto a = Tune(SmallRouter(), samples, samples, options);
  const auto b = Tune(SmallRouter(), samples, samples, options);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->router.tensors.at(kScoreWeight).values, b->router.tensors.at(kScoreWeight).values);
  const auto stop = [](const Progress&) { return false; };
  EXPECT_EQ(Tune(SmallRouter(), samples, samples, options, stop).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Tune(SmallRouter(), MemorySamples({}), samples, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouter
