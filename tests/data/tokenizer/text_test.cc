#include "data/tokenizer/text.h"

#include <gtest/gtest.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <string>

#include "io/random.h"

namespace grouter {
namespace {

const char kReplacement[] = "\xEF\xBF\xBD";

// Decodes strictly, code point by code point, the slow way.
bool IsWellFormed(const std::string& bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto at = [&](size_t j) { return j < bytes.size() ? static_cast<uint8_t>(bytes[j]) : 0; };
    const int lead = at(i);
    const size_t length = lead < 0x80       ? 1
                          : lead >> 5 == 6  ? 2
                          : lead >> 4 == 14 ? 3
                          : lead >> 3 == 30 ? 4
                                            : 0;
    if (length == 0) return false;
    uint32_t c = length == 1 ? lead : lead & (0x7F >> length);
    for (size_t j = 1; j < length; ++j) {
      if (at(i + j) >> 6 != 2) return false;
      c = c << 6 | (at(i + j) & 0x3F);
    }
    const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < smallest[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return false;
    i += length;
  }
  return true;
}

TEST(ReplaceIllFormed, FollowsUnicodesTableOfMaximalSubparts) {
  const std::string r = kReplacement;
  // The example of The Unicode Standard, table 3-8, and Python's own test cases.
  EXPECT_EQ(ReplaceIllFormed("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a" + r + r + r + "b" + r + "c" + r + r + "d");
  EXPECT_EQ(ReplaceIllFormed("\xC0\xAF"), r + r);
  EXPECT_EQ(ReplaceIllFormed("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(ReplaceIllFormed("\xF4\x90\x80\x80"), r + r + r + r);
  EXPECT_EQ(ReplaceIllFormed("\xF0\x80\x80\x41"), r + r + r + "A");
  EXPECT_EQ(ReplaceIllFormed("\xE2\x82"), r);
  EXPECT_EQ(ReplaceIllFormed("\xF0\x9F\x98"), r);
  EXPECT_EQ(ReplaceIllFormed(""), "");
}

TEST(ReplaceIllFormed, MakesAnyBytesWellFormedAndKeepsWhatWasWellFormed) {
  Random random(1);
  for (int trial = 0; trial < 3000; ++trial) {
    std::string bytes;
    const uint64_t length = random.Below(40);
    for (uint64_t i = 0; i < length; ++i) {
      const char* const pieces[] = {"a", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80", "        "};
      if (random.Below(3) == 0) {
        bytes += static_cast<char>(random.Below(256));
      } else {
        bytes += pieces[random.Below(5)];
      }
    }
    const std::string text = ReplaceIllFormed(bytes);
    EXPECT_TRUE(IsWellFormed(text));
    EXPECT_EQ(WellFormedPrefix(bytes) == bytes.size(), IsWellFormed(bytes));
    EXPECT_TRUE(IsWellFormed(bytes.substr(0, WellFormedPrefix(bytes))));
    if (IsWellFormed(bytes)) {
      EXPECT_EQ(text, bytes);
    }
  }
}

TEST(NormalizeNfc, ComposesAndReordersMarks) {
  EXPECT_EQ(NormalizeNfc("e\xCC\x81"), "\xC3\xA9");                      // e + acute
  EXPECT_EQ(NormalizeNfc("\xE1\x84\x80\xE1\x85\xA1"), "\xEA\xB0\x80");   // Hangul jamo
  EXPECT_EQ(NormalizeNfc("a\xCC\x81\xCC\xA3"), "\xE1\xBA\xA1\xCC\x81");  // dot below comes first
  EXPECT_EQ(NormalizeNfc("\xE2\x84\xAB"), "\xC3\x85");                   // Angstrom sign
  EXPECT_EQ(NormalizeNfc("\xEF\xAC\x81"), "\xEF\xAC\x81") << "no compatibility mapping";
}

TEST(NormalizeNfc, OrdersLongRunsOfMarksAsItOrdersShortOnes) {
  const char* const marks[] = {"\xCC\x81",     "\xCC\xA3", "\xCD\x84",    "\xE0\xBD\xB1",
                               "\xE0\xBD\xB3", "\xCC\xB4", "\xE3\x82\x99"};
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  Random random(2);
  for (int trial = 0; trial < 200; ++trial) {
    std::string text = "a\xC3\xA9";
    const uint64_t length = 20 + random.Below(100);
    for (uint64_t i = 0; i < length; ++i) text += random.Below(60) == 0 ? "e" : marks[random.Below(7)];
    std::string expected;
    nfc->normalize(icu::UnicodeString::fromUTF8(text), error).toUTF8String(expected);
    ASSERT_TRUE(U_SUCCESS(error));
    EXPECT_EQ(NormalizeNfc(text), expected);
  }
}

TEST(NormalizeNfc, IsNotQuadraticInARunOfMarks) {
  std::string text = "a";
  for (int i = 0; i < 250000; ++i) text += "\xCC\x81\xCC\xA3";  // a megabyte; by insertion this takes minutes
  const std::string normal = NormalizeNfc(text);
  EXPECT_EQ(normal.substr(0, 5), "\xE1\xBA\xA1\xCC\xA3") << "dots first, one of them in the letter";
  EXPECT_EQ(normal.size(), text.size());
  std::string storage;
  EXPECT_EQ(CanonicalText(text, &storage), normal) << "nor is the question whether text is normal already";
}

TEST(CanonicalText, ReturnsTheInputItselfWhenNothingChanges) {
  std::string storage;
  for (const std::string& text :
       {std::string("plain ascii text"), std::string("gr\xC3\xBC\xC3\x9F"), std::string()}) {
    EXPECT_EQ(CanonicalText(text, &storage).data(), text.data());
  }
}

TEST(CanonicalText, ReplacesThenNormalises) {
  std::string storage;
  const std::string bytes = "e\xCC\x81 \xFF e\xCC\x81";
  EXPECT_EQ(CanonicalText(bytes, &storage), std::string("\xC3\xA9 ") + kReplacement + " \xC3\xA9");
}

TEST(UnicodeVersion, IsStatedForListsOfDifferences) {
  EXPECT_NE(UnicodeVersion().find('.'), std::string::npos);
}

}  // namespace
}  // namespace grouter
