#include "routing/planning/problems.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

TEST(ProblemsTest, NoneIsOk) {
  Problems problems;
  EXPECT_TRUE(problems.ToStatus(absl::StatusCode::kInvalidArgument, "x").ok());
}

TEST(ProblemsTest, OneIsSaidPlainlyAndSeveralAreNumbered) {
  Problems problems;
  problems.Add("a is 0", "give 1");
  EXPECT_EQ(problems.ToStatus(absl::StatusCode::kNotFound, "job").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(problems.ToStatus(absl::StatusCode::kNotFound, "job").message()).find("[1]"),
            std::string::npos);
  problems.Add(absl::OkStatus());
  problems.Add(absl::InternalError("b is bad"));
  const std::string text(problems.ToStatus(absl::StatusCode::kNotFound, "job").message());
  for (const char* part : {"2 problems", "[1] a is 0; give 1", "[2] b is bad", "job"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

}  // namespace
}  // namespace grouter
