#include "trainer/checkpoint/training_state.h"

#include <gtest/gtest.h>

namespace grouter {
namespace {

TEST(TrainingState, ComesBackFromItsJson) {
  TrainingState state;
  state.job_digest = "0123";
  state.next_step = 7;
  state.consumed_samples = 8;
  state.consumed_tokens = 9;
  state.num_updates = 6;
  state.num_steps = 100;
  state.seed = 3;
  const auto back = TrainingState::FromJson(state.ToJson(), "state.json");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->ToJson(), state.ToJson());
  EXPECT_EQ(back->num_updates, 6u);
}

TEST(TrainingState, BadJsonIsAnErrorNotACrash) {
  const std::string good = TrainingState().ToJson();
  for (size_t cut = 0; cut + 2 < good.size(); ++cut) {
    EXPECT_FALSE(TrainingState::FromJson(good.substr(0, cut), "state.json").ok());
  }
  for (const char* json : {"[]", "{\"format\":1}", "{\"format\":1,\"next_step\":-1}", "null"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(TrainingState::FromJson(json, "state.json").status())) << json;
  }
  EXPECT_TRUE(absl::IsUnimplemented(TrainingState::FromJson("{\"format\":2}", "state.json").status()));
}

}  // namespace
}  // namespace grouter
