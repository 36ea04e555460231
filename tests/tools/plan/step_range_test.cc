#include "tools/plan/step_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace grouter {
namespace {

std::string Read(absl::string_view text) {
  const auto range = ParseStepRange(text, 10);
  if (!range.ok()) return std::string(absl::StatusCodeToString(range.status().code()));
  return std::to_string(range->first) + " to " + std::to_string(range->last);
}

TEST(StepRangeTest, EitherSideMayBeLeftOut) {
  EXPECT_EQ(Read("3..7"), "3 to 7");
  EXPECT_EQ(Read("3.."), "3 to 9");
  EXPECT_EQ(Read("..7"), "0 to 7");
  EXPECT_EQ(Read(".."), "0 to 9");
  EXPECT_EQ(Read(""), "0 to 9");
  EXPECT_EQ(Read("4"), "4 to 4");
}

TEST(StepRangeTest, WhatIsNoRangeIsSaid) {
  for (const char* text : {"7..3", "a..b", "-1..3", "1...3", "1..2..3", " 1", "+1", "99999999999999999999"}) {
    EXPECT_EQ(Read(text), "INVALID_ARGUMENT") << text;
  }
}

TEST(StepRangeTest, PastTheEndNamesTheLastStep) {
  EXPECT_EQ(Read("3..10"), "OUT_OF_RANGE");
  EXPECT_THAT(std::string(ParseStepRange("10", 10).status().message()), ::testing::HasSubstr("9"));
}

}  // namespace
}  // namespace grouter
