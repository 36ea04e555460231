#include "data/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/random.h"
#include "tests/data/tokenizer/small_vocabulary.h"

namespace grouter {
namespace {

using ::testing::HasSubstr;
using Ids = std::vector<uint32_t>;

std::shared_ptr<const Tokenizer> Make(const std::vector<std::string>& tokens, TokenizerOptions options = {}) {
  auto ranks = RankTable::FromTokens(tokens, "x");
  EXPECT_TRUE(ranks.ok()) << ranks.status();
  auto tokenizer = Tokenizer::FromRanks(*std::move(ranks), options, "x");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *tokenizer;
}

Ids Encode(const Tokenizer& tokenizer, absl::string_view text,
           Encoder::SpecialTokens special = Encoder::SpecialTokens::kAsText) {
  Encoder encoder(tokenizer);
  Ids ids;
  encoder.Encode(text, &ids, special);
  return ids;
}

TEST(Tokenizer, PutsSpecialTokensBehindTheRanks) {
  const auto tokenizer = Make(BytesAnd({"ab"}));
  EXPECT_EQ(tokenizer->num_ranks(), 257u);
  EXPECT_EQ(tokenizer->eod_id(), 257u);
  EXPECT_EQ(tokenizer->vocab_size(), 260u);
}

TEST(Tokenizer, EncodesASpecialTokenOnlyWhenAllowed) {
  const auto tokenizer = Make(BytesAnd({}));
  const std::string text = "a<|endoftext|><|im_end|>b<|endoftext|>";
  EXPECT_EQ(Encode(*tokenizer, text).size(), text.size());
  EXPECT_EQ(Encode(*tokenizer, text, Encoder::SpecialTokens::kAllowed), (Ids{97, 256, 258, 98, 256}));
  EXPECT_EQ(Encode(*tokenizer, "<|endoftext", Encoder::SpecialTokens::kAllowed).size(), 11u);
}

TEST(Tokenizer, TextBeforeASpecialTokenEndsThere) {
  // Two spaces at the end of a text stay together; before a letter they would part.
  const auto tokenizer = Make(BytesAnd({"  ", " x"}));
  EXPECT_EQ(Encode(*tokenizer, "  <|endoftext|>x", Encoder::SpecialTokens::kAllowed), (Ids{256, 258, 120}));
  EXPECT_EQ(Encode(*tokenizer, "  x"), (Ids{32, 257}));
}

TEST(Tokenizer, NormalisesBeforeItEncodes) {
  const auto tokenizer = Make(BytesAnd({"\xC3\xA9"}));
  EXPECT_EQ(Encode(*tokenizer, "e\xCC\x81"), (Ids{256}));
  EXPECT_EQ(Encode(*tokenizer, "\xFF"), (Ids{0xEF, 0xBF, 0xBD}));
}

TEST(Tokenizer, DecodesWhatItEncoded) {
  const auto tokenizer = Make(RandomVocabulary(1, 100));
  const std::string text = "abc cab  a<|endoftext|> bca\n\n 12 abcabcabc";
  for (const auto special : {Encoder::SpecialTokens::kAsText, Encoder::SpecialTokens::kAllowed}) {
    const auto bytes = tokenizer->Decode(Encode(*tokenizer, text, special));
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ(*bytes, text);
  }
  EXPECT_EQ(tokenizer->Decode(Ids{tokenizer->vocab_size()}).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Tokenizer, ASmallerVocabularyIsAPrefixOfTheRanks) {
  const std::vector<std::string> tokens = RandomVocabulary(9, 100);
  TokenizerOptions options;
  options.vocab_size = 300;
  const auto cut = Make(tokens, options);
  EXPECT_EQ(cut->vocab_size(), 300u);
  EXPECT_EQ(cut->num_ranks(), 297u);
  const auto whole = Make(std::vector<std::string>(tokens.begin(), tokens.begin() + 297));
  EXPECT_EQ(cut->digest(), whole->digest());
  EXPECT_EQ(Encode(*cut, "abcabc aab"), Encode(*whole, "abcabc aab"));
}

TEST(Tokenizer, DigestTellsTokenizersApart) {
  TokenizerOptions other;
  other.special_tokens = {"<eod>"};
  const Digest digest = Make(BytesAnd({"ab"}))->digest();
  EXPECT_EQ(digest, Make(BytesAnd({"ab"}))->digest());
  EXPECT_NE(digest, Make(BytesAnd({"ac"}))->digest());
  EXPECT_NE(digest, Make(BytesAnd({"ab"}), other)->digest());
}

TEST(Tokenizer, RefusesOptionsThatDoNotFit) {
  const auto ranks = RankTable::FromTokens(BytesAnd({"ab"}), "x");
  ASSERT_TRUE(ranks.ok());
  const auto message = [&](const TokenizerOptions& options) {
    const auto tokenizer = Tokenizer::FromRanks(*ranks, options, "x");
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(tokenizer.status().message());
  };
  TokenizerOptions options;
  options.vocab_size = 258;
  EXPECT_THAT(message(options), HasSubstr("choose 259 to 260"));
  options.vocab_size = 261;
  EXPECT_THAT(message(options), HasSubstr("choose 259 to 260"));
  options = TokenizerOptions();
  options.special_tokens = {"<a>", "<a>"};
  EXPECT_THAT(message(options), HasSubstr("given twice"));
  options.special_tokens = {};
  EXPECT_THAT(message(options), HasSubstr("no special tokens"));
}

TEST(Tokenizer, OpensARankFileAndNamesAMissingOne) {
  const std::string path = ::testing::TempDir() + "/small.tiktoken";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Local(), path, RankFile(BytesAnd({"ab"}))).ok());
  const auto tokenizer = Tokenizer::Open(path, {});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ(Encode(**tokenizer, "ab"), (Ids{256}));
  const auto missing = Tokenizer::Open(path + ".missing", {});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(path + ".missing"));
}

TEST(Encoder, GivesTheSameIdsWithWarmCachesAsWithColdOnes) {
  const auto tokenizer = Make(RandomVocabulary(6, 400));
  Random random(3);
  Encoder warm(*tokenizer);
  for (int trial = 0; trial < 400; ++trial) {
    std::string text;
    const uint64_t length = random.Below(300);
    for (uint64_t i = 0; i < length; ++i) text += random.Below(9) == 0 ? ' ' : "abcabcde"[random.Below(8)];
    Ids ids;
    warm.Encode(text, &ids);
    ASSERT_EQ(ids, Encode(*tokenizer, text)) << text;
  }
}

TEST(Encoder, ReadsNothingBehindTheText) {
  const auto tokenizer = Make(BytesAnd({"ab"}));
  for (size_t length = 1; length < 40; ++length) {
    const std::vector<char> exact(length, 'a');  // a sanitizer watches its end
    EXPECT_EQ(Encode(*tokenizer, absl::string_view(exact.data(), length)).size(), length);
  }
}

}  // namespace
}  // namespace grouter
