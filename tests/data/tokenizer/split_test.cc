#include "data/tokenizer/split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "io/random.h"

namespace grouter {
namespace {

std::vector<std::string> Pieces(absl::string_view text) {
  std::vector<std::string> pieces;
  PieceSplitter splitter(text);
  for (absl::string_view piece = splitter.Next(); !piece.empty(); piece = splitter.Next())
    pieces.emplace_back(piece);
  return pieces;
}

// The pattern run by a backtracking engine.
class PatternOracle {
 public:
  PatternOracle() {
    // PCRE2's \s is wider than Unicode's White_Space by U+180E.
    const std::string pattern = absl::StrReplaceAll(
        kQwenSplitPattern,
        {{"[^\\s\\p", "[^\\p{White_Space}\\p"}, {"\\s", "\\p{White_Space}"}, {"\\S", "\\P{White_Space}"}});
    int error;
    PCRE2_SIZE offset;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
    if (code_ == nullptr) ADD_FAILURE() << "the pattern does not compile, at " << offset << " of " << pattern;
  }
  std::vector<std::string> Pieces(const std::string& text) const {
    std::vector<std::string> pieces;
    std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr), &pcre2_match_data_free);
    size_t at = 0;
    while (pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0,
                       match.get(), nullptr) > 0) {
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
      EXPECT_EQ(ends[0], at) << "the pattern leaves nothing out";
      pieces.push_back(text.substr(ends[0], ends[1] - ends[0]));
      at = ends[1];
    }
    EXPECT_EQ(at, text.size());
    return pieces;
  }

 private:
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code_{nullptr, &pcre2_code_free};
};

using Strings = std::vector<std::string>;

TEST(PieceSplitter, KeepsASpaceWithItsWordAndDigitsApart) {
  EXPECT_EQ(Pieces("Hello world 2026!"), (Strings{"Hello", " world", " ", "2", "0", "2", "6", "!"}));
}

TEST(PieceSplitter, CutsContractionsInAnyCase) {
  EXPECT_EQ(Pieces("it's WE'LL i'Ve"), (Strings{"it", "'s", " WE", "'LL", " i", "'Ve"}));
  EXPECT_EQ(Pieces("o'\xC5\xBFx"), (Strings{"o", "'\xC5\xBF", "x"})) << "the long s folds to s";
  EXPECT_EQ(Pieces("o'rx 'l"), (Strings{"o", "'rx", " '", "l"}));
}

TEST(PieceSplitter, GivesTheLastSpaceOfARunToWhatFollows) {
  EXPECT_EQ(Pieces("a   b"), (Strings{"a", "  ", " b"}));
  EXPECT_EQ(Pieces("a   "), (Strings{"a", "   "}));
  EXPECT_EQ(Pieces("a \n \n  b"), (Strings{"a", " \n \n", " ", " b"}));
  EXPECT_EQ(Pieces("x)\r\n\r\n y"), (Strings{"x", ")\r\n\r\n", " y"}));
}

TEST(PieceSplitter, HasNoPieceForNoText) { EXPECT_TRUE(Pieces("").empty()); }

TEST(PieceSplitter, EqualsABacktrackingEngineOnRandomText) {
  const std::vector<std::string> alphabet = {"a",
                                             "Z",
                                             "s",
                                             "S",
                                             "t",
                                             "re",
                                             "LL",
                                             "'",
                                             "'",
                                             " ",
                                             " ",
                                             " ",
                                             "\t",
                                             "\n",
                                             "\r",
                                             "\r\n",
                                             "0",
                                             "9",
                                             "!",
                                             "-",
                                             "\xC3\xA9",
                                             "\xC5\xBF",
                                             "\xE4\xB8\xAD",
                                             "\xC2\xA0",
                                             "\xC2\x85",
                                             "\xE3\x80\x80",
                                             "\xE2\x80\xA8",
                                             "\xE1\xA0\x8E",
                                             "\xC2\xBD",
                                             "\xD9\xA3",
                                             "\xCC\x81",
                                             "\xF0\x9F\x98\x80",
                                             "\xEF\xBF\xBD",
                                             "\xE2\x85\xA3",
                                             "\xF0\x9D\x9F\x98",
                                             "_"};
  const PatternOracle oracle;
  Random random(7);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text;
    const uint64_t length = random.Below(16);
    for (uint64_t i = 0; i < length; ++i) text += alphabet[random.Below(alphabet.size())];
    ASSERT_EQ(Pieces(text), oracle.Pieces(text)) << text;
  }
}

TEST(PieceSplitter, IsLinearInRunsThatMakeABacktrackingEngineSlow) {
  const size_t n = size_t{1} << 20;  // quadratic work would take hours
  for (const std::string& unit : Strings{" ", "\n", "a", "!", "'", " !", "\xE4\xB8\xAD", "\n ", "7"}) {
    std::string text;
    while (text.size() < n) text += unit;
    for (const std::string& tail : Strings{"", "x", "\n"}) {
      size_t bytes = 0;
      PieceSplitter splitter(text);
      for (absl::string_view piece = splitter.Next(); !piece.empty(); piece = splitter.Next())
        bytes += piece.size();
      EXPECT_EQ(bytes, text.size());
      text += tail;
    }
  }
}

}  // namespace
}  // namespace grouter
