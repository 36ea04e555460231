#include "data/tokenizer/rank_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tests/data/tokenizer/small_vocabulary.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;

std::string MessageFor(absl::string_view file) {
  const auto table = RankTable::Parse(file, "x.tiktoken");
  EXPECT_FALSE(table.ok());
  EXPECT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(table.status().message());
}

TEST(RankTable, FindsEachTokenAndNothingElse) {
  const std::vector<std::string> tokens = RandomVocabulary(3, 200);
  const auto table = RankTable::Parse(RankFile(tokens), "x");
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->size(), tokens.size());
  for (uint32_t rank = 0; rank < table->size(); ++rank) {
    EXPECT_EQ(table->bytes(rank), tokens[rank]);
    EXPECT_EQ(table->Find(tokens[rank]), rank);
  }
  EXPECT_EQ(table->Find("zz"), RankTable::kNone);
  EXPECT_EQ(table->Find(""), RankTable::kNone);
}

TEST(RankTable, TakesLinesInAnyOrderAndOtherLineEnds) {
  const std::vector<std::string> tokens = BytesAnd({"ab"});
  const std::string file = RankFile(tokens);
  const std::string last_line = file.substr(file.rfind('\n', file.size() - 2) + 1);
  const auto reordered = RankTable::Parse(last_line + file.substr(0, file.size() - last_line.size()), "x");
  ASSERT_TRUE(reordered.ok()) << reordered.status();
  EXPECT_EQ(reordered->Find("ab"), 256u);
  EXPECT_TRUE(RankTable::Parse(absl::StrReplaceAll(file, {{"\n", "\r\n"}}), "x").ok());
  EXPECT_TRUE(RankTable::Parse(file.substr(0, file.size() - 1), "x").ok())
      << "the last line end may be missing";
}

TEST(RankTable, APrefixIsItselfATable) {
  const std::vector<std::string> tokens = RandomVocabulary(4, 50);
  const auto table = RankTable::FromTokens(tokens, "x");
  ASSERT_TRUE(table.ok());
  const auto prefix = table->Prefix(280, "x");
  ASSERT_TRUE(prefix.ok());
  EXPECT_EQ(prefix->size(), 280u);
  EXPECT_EQ(prefix->Find(tokens[280]), RankTable::kNone);
  EXPECT_FALSE(table->Prefix(255, "x").ok()) << "a byte would be lost";
}

TEST(RankTable, NamesTheLineOfEachMistake) {
  const std::string good = RankFile(BytesAnd({"ab", "cd"}));
  EXPECT_THAT(MessageFor(""), HasSubstr("no ranks"));
  EXPECT_THAT(MessageFor(good + "YWJ 258\n"), HasSubstr("bad base64 (x.tiktoken line 259)"));
  EXPECT_THAT(MessageFor(good + "Y!Jj 258\n"), HasSubstr("bad base64"));
  EXPECT_THAT(MessageFor(good + "YWJj\n"), HasSubstr("without a rank (x.tiktoken line 259)"));
  EXPECT_THAT(MessageFor(good + "YWJj -1\n"), HasSubstr("without a rank"));
  EXPECT_THAT(MessageFor(good + "YWJj 99999999999\n"), HasSubstr("without a rank"));
  EXPECT_THAT(MessageFor(good + "YWJj 257\n"), HasSubstr("rank 257 appears twice"));
  EXPECT_THAT(MessageFor(good + "YWJj 260\n"), HasSubstr("rank 258 is missing"));
  EXPECT_THAT(MessageFor(good + "YWI= 258\n"), HasSubstr("ranks 256 and 258 are the same token"));
  EXPECT_THAT(MessageFor(RankFile({"a", "b"})), HasSubstr("byte 0 has no token"));
}

TEST(RankTable, ACutFileIsAnErrorOrAShorterTable) {
  const std::string file = RankFile(RandomVocabulary(5, 120));
  for (size_t cut = 0; cut < file.size(); ++cut) {
    const auto table = RankTable::Parse(absl::string_view(file).substr(0, cut), "x");
    const bool between_lines = cut > 0 && (file[cut - 1] == '\n' || file[cut] == '\n');
    if (table.ok()) {
      EXPECT_TRUE(between_lines) << cut;
      EXPECT_EQ(table->size(), std::count(file.begin(), file.begin() + cut + 1, '\n'));
    }
  }
}

TEST(HashBytes, DependsOnEveryByteAndTheLength) {
  const std::string bytes = "0123456789abcdefghij";
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] ^= 1;
    EXPECT_NE(HashBytes(bytes), HashBytes(other));
    EXPECT_NE(HashBytes(bytes), HashBytes(bytes.substr(0, i)));
  }
  EXPECT_NE(HashBytes(absl::string_view("\0", 1)), HashBytes(absl::string_view("\0\0", 2)));
}

}  // namespace
}  // namespace grouter
