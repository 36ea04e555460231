#include "server/security/token_table.h"

#include "gtest/gtest.h"

namespace grouter {
namespace {

constexpr char kToken[] = "0123456789abcdef0123";

TEST(TokenTableTest, NamesATokenGivenPlainlyOrByItsDigest) {
  const std::string other = "another-token-of-length";
  const auto table = TokenTable::Parse(
      std::string("# who may call\n\ntrainer ") + kToken + "\r\n  ops\tsha256:" + Sha256(other).Hex(),
      "tokens");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 2u);
  EXPECT_EQ(table->NameOf(kToken), "trainer");
  EXPECT_EQ(table->NameOf(other), "ops");
  EXPECT_EQ(table->NameOf(Sha256(other).Hex()), absl::nullopt);  // the digest is no token
  EXPECT_EQ(table->NameOf(""), absl::nullopt);
  EXPECT_EQ(table->NameOf(std::string(1 << 20, 'x')), absl::nullopt);
}

TEST(TokenTableTest, OneNameMayHaveTwoTokensButNotTwoNamesOne) {
  EXPECT_TRUE(TokenTable::Parse("a 0123456789abcdef\na 0123456789abcdeg", "t").ok());
  EXPECT_FALSE(TokenTable::Parse("a 0123456789abcdef\nb 0123456789abcdef", "t").ok());
}

TEST(TokenTableTest, AnErrorNamesTheLineAndNothingThatItSays) {
  for (const std::string line : {"trainer", "trainer short", "trainer sha256:12", "tr/ainer 0123456789abcdef",
                                 "a b 0123456789secret"}) {
    const auto table = TokenTable::Parse("# first\n" + line, "the file");
    ASSERT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument) << line;
    const std::string message(table.status().message());
    EXPECT_NE(message.find("the file:2"), std::string::npos);
    EXPECT_EQ(message.find("short"), std::string::npos);
    EXPECT_EQ(message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace grouter
