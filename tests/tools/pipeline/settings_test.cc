#include "tools/pipeline/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file.h"

namespace grouter {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Example(const std::string& name) {
  return FileSystem::Local().ReadFile("deploy/configs/" + name).value();
}

TEST(SettingsTest, TheDemosSettingsAreRead) {
  for (const char* name : {"demo.json", "demo_quick.json"}) {
    const auto settings = ParseSettings(Example(name), name);
    ASSERT_TRUE(settings.ok()) << settings.status();
    EXPECT_EQ(settings->ranks, 2);
    EXPECT_GT(settings->train_steps, 0);
    EXPECT_LT(settings->folded_experts, 32);
  }
  EXPECT_LT(ParseSettings(Example("demo_quick.json"), "q")->train_steps,
            ParseSettings(Example("demo.json"), "f")->train_steps);
}

TEST(SettingsTest, AllProblemsAreToldAtOnce) {
  std::string text = Example("demo.json");
  text.replace(text.find("\"ranks\""), 7, "\"rank\"");
  text.replace(text.find("\"vocab_size\": 8192"), 18, "\"vocab_size\": -1");
  const auto settings = ParseSettings(text, "f.json");
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(settings.status().message()),
              AllOf(HasSubstr("ranks is missing"), HasSubstr("rank is unknown"),
                    HasSubstr("vocab_size is no number"), HasSubstr("f.json")));
}

TEST(SettingsTest, WhatIsNoObjectIsRefused) {
  for (const char* text : {"", "[]", "5", "{"}) {
    EXPECT_EQ(ParseSettings(text, "f").status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace grouter
