#include "data/tokenizer/hugging_face.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "data/tokenizer/split.h"

namespace grouter {
namespace {

using Json = nlohmann::json;

std::string Utf8(int c) {
  if (c < 0x80) return std::string(1, static_cast<char>(c));
  return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
}

// Bytes plus "ab" and " a", as Hugging Face's library writes them (a space is U+0120).
Json Small() {
  Json vocab;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    vocab[Utf8(printable ? byte : next++)] = byte;
  }
  vocab["ab"] = 256;
  vocab
      ["\xC4\xA0"
       "a"] = 257;
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", std::string(kQwenSplitPattern)}}}, {"behavior", "Isolated"}};
  const Json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  return {
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {split, level}}}},
      {"added_tokens", {{{"id", 259}, {"content", "<b>"}}, {{"id", 258}, {"content", "<a>"}}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b", Json::array({"\xC4\xA0", "a"})}}}}};
}

absl::StatusCode CodeFor(const Json& json) {
  return ParseHuggingFaceTokenizer(json.dump(), "x").status().code();
}

TEST(ParseHuggingFaceTokenizer, ReadsVocabularyMergesAndAddedTokens) {
  const auto tokenizer = ParseHuggingFaceTokenizer(Small().dump(), "x");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ(tokenizer->ranks.size(), 258u);
  EXPECT_EQ(tokenizer->ranks.Find("ab"), 256u);
  EXPECT_EQ(tokenizer->ranks.Find(" a"), 257u);
  EXPECT_EQ(tokenizer->special_tokens, (std::vector<std::string>{"<a>", "<b>"}));
}

TEST(ParseHuggingFaceTokenizer, RefusesAnotherKindOfTokenizer) {
  Json other = Small();
  other["model"]["type"] = "Unigram";
  EXPECT_EQ(CodeFor(other), absl::StatusCode::kUnimplemented);
  other = Small();
  other["normalizer"] = nullptr;
  EXPECT_EQ(CodeFor(other), absl::StatusCode::kUnimplemented);
  other = Small();
  other["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+";
  EXPECT_EQ(CodeFor(other), absl::StatusCode::kUnimplemented);
  other = Small();
  other["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true;
  EXPECT_EQ(CodeFor(other), absl::StatusCode::kUnimplemented);
}

TEST(ParseHuggingFaceTokenizer, RefusesMergesThatAreNotInIdOrder) {
  Json swapped = Small();
  std::swap(swapped["model"]["merges"][0], swapped["model"]["merges"][1]);
  EXPECT_EQ(CodeFor(swapped), absl::StatusCode::kUnimplemented);
  Json missing = Small();
  missing["model"]["merges"].erase(0);
  EXPECT_EQ(CodeFor(missing), absl::StatusCode::kUnimplemented);
  Json unknown = Small();
  unknown["model"]["merges"][0] = "b a";
  EXPECT_EQ(CodeFor(unknown), absl::StatusCode::kInvalidArgument);
}

TEST(ParseHuggingFaceTokenizer, RefusesIdsWithGaps) {
  Json gap = Small();
  gap["model"]["vocab"]["ab"] = 300;
  EXPECT_EQ(CodeFor(gap), absl::StatusCode::kUnimplemented);
  Json far = Small();
  far["added_tokens"][0]["id"] = 400;
  EXPECT_EQ(CodeFor(far), absl::StatusCode::kUnimplemented);
}

TEST(ParseHuggingFaceTokenizer, RefusesWhatIsNoTokenizer) {
  for (const char* text : {"", "[]", "{", "{}", "null", R"({"model": 3})", R"({"model": {"type": 7}})"}) {
    EXPECT_FALSE(ParseHuggingFaceTokenizer(text, "x").ok()) << text;
  }
}

}  // namespace
}  // namespace grouter
