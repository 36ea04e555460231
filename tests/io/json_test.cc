#include "io/json.h"

#include <gtest/gtest.h>

#include <string>

namespace grouter {
namespace {

TEST(Json, ATextIsItsValue) {
  const nlohmann::json value = ParseJson(R"({"b": [1, 2.5, "x"], "a": null})");
  EXPECT_EQ(value["b"], nlohmann::json({1, 2.5, "x"}));
  EXPECT_TRUE(value["a"].is_null());
  EXPECT_EQ(ParseJson("7"), 7);
}

TEST(Json, MembersStayInTheirOrderOrAreSorted) {
  const std::string text = R"({"b":1,"a":2})";
  EXPECT_EQ(ParseOrderedJson(text).dump(), text);
  EXPECT_EQ(ParseJson(text).dump(), R"({"a":2,"b":1})");
}

TEST(Json, WhatIsNotJsonIsDiscarded) {
  for (const char* text : {"", "{", "{\"a\":}", "[1] 2", "nul", "\"\xff\""}) {
    EXPECT_TRUE(ParseJson(text).is_discarded()) << text;
    EXPECT_TRUE(ParseOrderedJson(text).is_discarded()) << text;
  }
}

}  // namespace
}  // namespace grouter
