#include "trainer/model/model_config.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

ModelConfig Good() {
  ModelConfig config;
  config.vocab_size = 100;
  config.hidden_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.moe_intermediate_size = 8;
  config.num_experts = 4;
  config.num_experts_per_tok = 2;
  return config;
}

TEST(ModelConfig, ComesBackFromItsJson) {
  ModelConfig config = Good();
  config.rope_theta = 5000;
  const auto back = ModelConfig::FromJson(config.ToJson(), "test");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->ToJson(), config.ToJson());
  EXPECT_EQ(back->rope_theta, 5000);
  EXPECT_EQ(back->expert_shape().size(), 3u * 8 * 16);
}

TEST(ModelConfig, ListsAllProblemsAtOnce) {
  ModelConfig config = Good();
  config.hidden_size = 15;
  config.num_experts = 1;
  config.vocab_size = 0;
  const absl::Status status = config.Validate();
  ASSERT_TRUE(absl::IsInvalidArgument(status));
  for (const char* name : {"hidden_size", "num_experts", "vocab_size"}) {
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
  }
}

TEST(ModelConfig, BadJsonIsAnErrorNotACrash) {
  for (const char* json :
       {"", "[]", "{", "{\"vocab_size\": -1}", "{\"vocab_size\": \"x\"}", "{\"vocab_size\": 1e99}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ModelConfig::FromJson(json, "test").status())) << json;
  }
}

}  // namespace
}  // namespace grouter
