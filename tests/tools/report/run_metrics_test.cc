#include "tools/report/run_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

using ::testing::HasSubstr;

constexpr char kRun[] =
    "{\"step\":0,\"tokens\":100,\"train_loss\":9,\"step_ms\":10,\"plan_wait_ms\":4,\"tokens_per_s\":1000}\n"
    "{\"step\":1,\"tokens\":200,\"train_loss\":8,\"step_ms\":20,\"plan_wait_ms\":0,\"tokens_per_s\":500}\n"
    "{\"step\":1,\"tokens\":200,\"valid_loss\":8.5}\n"
    "{\"step\":2,\"tokens\":300,\"train_loss\":7,\"step_ms\":30,\"plan_wait_ms\":2,\"tokens_per_s\":700}\n"
    "{\"step\":2,\"tokens\":300,\"valid_loss\":7.5}\n";

TEST(RunMetricsTest, StepsAndValidationsAreToldApart) {
  const auto run = ParseMetrics(kRun, "m");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->num_steps, 3);
  EXPECT_EQ(run->num_tokens, 300);
  EXPECT_EQ(run->step_ms, 20);
  EXPECT_EQ(run->tokens_per_second, 700);
  EXPECT_EQ(run->plan_wait_ms, 2);
  EXPECT_EQ(run->max_plan_wait_ms, 4);
  EXPECT_EQ(run->first_loss, 9);
  EXPECT_EQ(run->last_loss, 7);
  ASSERT_EQ(run->validation.size(), 2);
  EXPECT_EQ(run->validation[1].tokens, 300);
  EXPECT_EQ(run->validation[1].loss, 7.5);
}

TEST(RunMetricsTest, ARepeatedStepOfAResumedRunCountsOnce) {
  const auto run = ParseMetrics(std::string(kRun) + "{\"step\":2,\"tokens\":300,\"train_loss\":6}\n", "m");
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->num_steps, 3);
  EXPECT_EQ(run->last_loss, 6);
}

TEST(RunMetricsTest, BadLinesAreNamed) {
  for (const char* bad : {"{", "{\"step\":1}", "[]", "{\"step\":\"x\",\"tokens\":1}"}) {
    const auto run = ParseMetrics(std::string(kRun) + bad, "m.jsonl");
    EXPECT_EQ(run.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(run.status().message()), HasSubstr("m.jsonl:6")) << bad;
  }
  EXPECT_EQ(ParseMetrics("", "m").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(RunMetricsTest, TokensToReachALossAreInterpolated) {
  RunMetrics run;
  run.validation = {{100, 8}, {200, 6}, {300, 5}};
  EXPECT_EQ(TokensToReach(run, 9), 100);
  EXPECT_EQ(TokensToReach(run, 7), 150);
  EXPECT_EQ(TokensToReach(run, 5), 300);
  EXPECT_EQ(TokensToReach(run, 4), absl::nullopt);
  EXPECT_EQ(TokensToReach(RunMetrics(), 4), absl::nullopt);
}

}  // namespace
}  // namespace grouter
