#include "trainer/pipeline/metrics_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/file.h"

namespace grouter {
namespace {

TEST(MetricsLog, WritesWholeLinesAndNullForWhatIsNoNumber) {
  const std::string path = JoinPath(::testing::TempDir(), "metrics1.jsonl");
  auto log = MetricsLog::Open(path, 0);
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_TRUE((*log)->Append(0, 100, {{"train_loss", 2.5}, {"gradient_norm", std::nan("")}}).ok());
  EXPECT_EQ(*FileSystem::Local().ReadFile(path),
            "{\"step\":0,\"tokens\":100,\"train_loss\":2.5,\"gradient_norm\":null}\n");
}

TEST(MetricsLog, AResumedRunKeepsWhatCameBeforeIt) {
  const std::string path = JoinPath(::testing::TempDir(), "metrics2.jsonl");
  {
    auto log = MetricsLog::Open(path, 0);
    for (uint64_t step = 0; step < 4; ++step)
      ASSERT_TRUE((*log)->Append(step, step, {{"train_loss", 1}}).ok());
    ASSERT_TRUE((*log)->Append(2, 2, {{"valid_loss", 1}}).ok());
  }
  ASSERT_TRUE(MetricsLog::Open(path, 2).ok());
  EXPECT_EQ(*FileSystem::Local().ReadFile(path),
            "{\"step\":0,\"tokens\":0,\"train_loss\":1.0}\n{\"step\":1,\"tokens\":1,\"train_loss\":1.0}\n"
            "{\"step\":2,\"tokens\":2,\"valid_loss\":1.0}\n");
  ASSERT_TRUE(MetricsLog::Open(path, 0).ok());
  EXPECT_EQ(*FileSystem::Local().ReadFile(path), "");
}

TEST(MetricsLog, AFolderThatIsNotThereIsAnError) {
  EXPECT_FALSE(MetricsLog::Open("/nonexistent/metrics.jsonl", 0).ok());
}

}  // namespace
}  // namespace grouter
