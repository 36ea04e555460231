#include "io/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace grouter {
namespace {

TEST(Error, ReadsAsWhatWhereAndFix) {
  const absl::Status status =
      Error(absl::StatusCode::kDataLoss, "the block is damaged", "table at byte 12", "copy it again");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "the block is damaged (table at byte 12); copy it again");
}

TEST(Error, LeavesOutEmptyParts) {
  EXPECT_EQ(Error(absl::StatusCode::kUnknown, "broken").message(), "broken");
  EXPECT_EQ(Error(absl::StatusCode::kUnknown, "broken", "", "mend it").message(), "broken; mend it");
  EXPECT_EQ(Error(absl::StatusCode::kUnknown, "broken", "here").message(), "broken (here)");
}

TEST(Annotate, KeepsCodeAndPayloadsAndLeavesOkAlone) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "ignored").ok());
  absl::Status status = absl::NotFoundError("no table");
  status.SetPayload("type/detail", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "step 7");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(annotated.message(), "step 7: no table");
  EXPECT_EQ(annotated.GetPayload("type/detail"), absl::Cord("payload"));
}

TEST(ErrnoError, GivesEveryKnownCauseItsCodeAndAFix) {
  const struct {
    int error;
    absl::StatusCode code;
  } cases[] = {
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {ENOENT, absl::StatusCode::kNotFound},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kPermissionDenied},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {EADDRINUSE, absl::StatusCode::kFailedPrecondition},
  };
  for (const auto& c : cases) {
    const absl::Status status = ErrnoError(c.error, "cannot write", "out/file");
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_NE(status.message().find("(out/file); "), absl::string_view::npos) << status;
  }
  EXPECT_EQ(ErrnoError(EIO, "cannot write", "out/file").code(), absl::StatusCode::kUnknown);
}

TEST(ExitCode, TellsWrongUsageFromFailure) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCode(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCode(absl::FailedPreconditionError("")), 2);
  EXPECT_EQ(ExitCode(absl::NotFoundError("")), 2);
  EXPECT_EQ(ExitCode(absl::OutOfRangeError("")), 2);
  EXPECT_EQ(ExitCode(absl::DataLossError("")), 3);
  EXPECT_EQ(ExitCode(absl::UnavailableError("")), 3);
}

absl::StatusOr<int> HalfOf(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> QuarterOf(int value) {
  GROUTER_ASSIGN_OR_RETURN(const int half, HalfOf(value));
  GROUTER_RETURN_IF_ERROR(half > 100 ? absl::OutOfRangeError("too large") : absl::OkStatus());
  return HalfOf(half);
}

TEST(Macros, ReturnTheFirstErrorAndPassValues) {
  EXPECT_EQ(*QuarterOf(12), 3);
  EXPECT_EQ(QuarterOf(7).status().message(), "odd");
  EXPECT_EQ(QuarterOf(400).status().message(), "too large");
}

TEST(CheckDeathTest, DiesNamingTheCondition) {
  GROUTER_CHECK(1 + 1 == 2);
  EXPECT_DEATH(GROUTER_CHECK(1 + 1 == 3), "1 \\+ 1 == 3");
}

}  // namespace
}  // namespace grouter
