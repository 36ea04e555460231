#include "routing/planning/json_fields.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

std::string ProblemsIn(const char* text) {
  const auto json = ParseJson(text, "file");
  if (!json.ok()) return std::string(json.status().message());
  Problems problems;
  {
    JsonFields fields(*json, "", &problems);
    uint32_t number = 0;
    bool flag = false;
    std::vector<uint32_t> list;
    Digest digest;
    int choice = 0;
    fields.Read("number", &number, true);
    fields.Read("flag", &flag);
    fields.Read("list", &list);
    fields.Read("digest", &digest);
    fields.ReadEnum("choice", {"red", "green"}, &choice);
  }
  return std::string(problems.ToStatus(absl::StatusCode::kInvalidArgument, "file").message());
}

TEST(JsonFieldsTest, AcceptsWhatIsWellFormed) {
  EXPECT_EQ(ProblemsIn(R"({"number": 4294967295, "flag": true, "list": [1, 2], "choice": "green"})"), "");
}

TEST(JsonFieldsTest, NamesEachBadField) {
  for (const char* text : {R"({"number": -1})", R"({"number": 4294967296})", R"({"number": 1.5})",
                           R"({"number": "1"})", R"({})", R"({"number": null})"}) {
    EXPECT_NE(ProblemsIn(text).find("number"), std::string::npos) << text;
  }
  EXPECT_NE(ProblemsIn(R"({"number": 1, "flag": 1})").find("flag"), std::string::npos);
  EXPECT_NE(ProblemsIn(R"({"number": 1, "list": [1, -2]})").find("list"), std::string::npos);
  EXPECT_NE(ProblemsIn(R"({"number": 1, "list": {}})").find("list"), std::string::npos);
  EXPECT_NE(ProblemsIn(R"({"number": 1, "digest": "abc"})").find("digest"), std::string::npos);
  EXPECT_NE(ProblemsIn(R"({"number": 1, "choice": "blue"})").find("red, green"), std::string::npos);
  EXPECT_NE(ProblemsIn(R"({"number": 1, "colour": 2})").find("colour"), std::string::npos);
  EXPECT_NE(ProblemsIn("[1]").find("not a JSON object"), std::string::npos);
}

TEST(JsonFieldsTest, RefusesDeepNestingBeforeParsing) {
  EXPECT_NE(ProblemsIn((std::string(1 << 20, '[')).c_str()).find("nests deeper"), std::string::npos);
  EXPECT_NE(ProblemsIn(R"({"number": 1, "x": "[[[[[[[[[[[[[[[[[[[[["})").find("unknown field"),
            std::string::npos);
}

}  // namespace
}  // namespace grouter
