#include "trainer/config.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

constexpr char kGood[] = R"({
  "mode": "plan",
  "model": {"vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "moe_intermediate_size": 8, "num_experts": 4, "num_experts_per_tok": 2},
  "datasets": [{"prefix": "tokens", "sample_index": "samples"}],
  "train": {"job": "job.json", "servers": ["a:1", "b:2"], "plans_ahead": 3, "server_timeout": 1.5,
            "tls_ca": "ca.pem", "token_file": "token"},
  "optimizer": {"learning_rate": 0.002, "warmup_steps": 7},
  "out": "run", "eval_interval": 10
})";

TEST(TrainerConfig, ReadsItsFields) {
  const auto config = TrainerConfig::FromJson(kGood, "test");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->mode, RoutingMode::kPlan);
  EXPECT_EQ(config->model.hidden_size, 16u);
  EXPECT_EQ(config->datasets[0].prefix, "tokens");
  EXPECT_EQ(config->train.servers, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(config->train.server_timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(config->train.credentials.tls_ca, "ca.pem");
  EXPECT_EQ(config->train.credentials.token_file, "token");
  EXPECT_EQ(config->optimizer.warmup_steps, 7u);
  EXPECT_EQ(config->eval_interval, 10u);
}

TEST(TrainerConfig, ListsAllProblemsAtOnceAndRefusesUnknownFields) {
  const auto config = TrainerConfig::FromJson(
      R"({"mode": "other", "modle": {}, "train": {"jobs": 1}, "num_steps": -1, "optimizer": {"beta1": "x"}})",
      "test");
  ASSERT_TRUE(absl::IsInvalidArgument(config.status()));
  for (const char* name :
       {"mode", "modle", "train.jobs", "num_steps", "optimizer.beta1", "model is missing"}) {
    EXPECT_NE(config.status().message().find(name), std::string::npos) << name << ": " << config.status();
  }
}

TEST(TrainerConfig, SaysWhatAModeNeeds) {
  TrainerConfig config = TrainerConfig::FromJson(kGood, "test").value();
  config.train.job.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(config.Validate()));
  config.mode = RoutingMode::kLearned;
  EXPECT_TRUE(absl::IsInvalidArgument(config.Validate()));
  config.batch.samples_per_step = 4;
  EXPECT_TRUE(config.Validate().ok());
  config.datasets.clear();
  config.out.clear();
  const absl::Status status = config.Validate();
  EXPECT_NE(status.message().find("datasets"), std::string::npos);
  EXPECT_NE(status.message().find("out"), std::string::npos);
}

TEST(TrainerConfig, BadJsonIsAnErrorNotACrash) {
  for (const char* json :
       {"", "[]", "{", "3", "{\"datasets\": 4}", "{\"train\": []}", "{\"collective_timeout\": -1}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(TrainerConfig::FromJson(json, "test").status())) << json;
  }
}

}  // namespace
}  // namespace grouter
