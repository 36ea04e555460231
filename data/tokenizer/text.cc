#include "data/tokenizer/text.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "io/error.h"

namespace grouter {
namespace {

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

size_t SkipAscii(absl::string_view bytes, size_t i) {
  while (i + 8 <= bytes.size()) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    if ((word & 0x8080808080808080ull) != 0) break;
    i += 8;
  }
  while (i < bytes.size() && static_cast<uint8_t>(bytes[i]) < 0x80) ++i;
  return i;
}

// The sequence at bytes[i], a lead or stray byte >= 0x80: its length, and whether it is a whole character.
// If not, the length is that of the maximal subpart (Unicode, table 3-7).
struct Sequence {
  size_t length;
  bool whole;
};

Sequence ReadSequence(absl::string_view bytes, size_t i) {
  const auto at = [&](size_t j) { return j < bytes.size() ? static_cast<uint8_t>(bytes[j]) : uint8_t{0}; };
  const uint8_t lead = at(i);
  size_t wanted;
  uint8_t low = 0x80, high = 0xBF;  // of the second byte
  if (lead >= 0xC2 && lead <= 0xDF) {
    wanted = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    wanted = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    wanted = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  if (at(i + 1) < low || at(i + 1) > high) return {1, false};
  for (size_t length = 2; length < wanted; ++length) {
    if (!IsContinuation(at(i + length))) return {length, false};
  }
  return {wanted, true};
}

const icu::Normalizer2& Nfc() {
  static const icu::Normalizer2* const nfc = [] {
    UErrorCode error = U_ZERO_ERROR;
    const icu::Normalizer2* instance = icu::Normalizer2::getNFCInstance(error);
    GROUTER_CHECK(U_SUCCESS(error));
    return instance;
  }();
  return *nfc;
}

const icu::Normalizer2& Nfd() {
  static const icu::Normalizer2* const nfd = [] {
    UErrorCode error = U_ZERO_ERROR;
    const icu::Normalizer2* instance = icu::Normalizer2::getNFDInstance(error);
    GROUTER_CHECK(U_SUCCESS(error));
    return instance;
  }();
  return *nfd;
}

bool IsMark(UChar32 c) {
  return c >= 0x300 && u_getIntPropertyValue(c, UCHAR_LEAD_CANONICAL_COMBINING_CLASS) != 0;
}

// Appends the marks decomposed and in canonical order.
void AppendOrdered(const std::vector<UChar32>& marks, std::string* out) {
  std::vector<UChar32> parts;
  icu::UnicodeString decomposition;
  for (const UChar32 mark : marks) {
    if (!Nfd().getDecomposition(mark, decomposition)) {
      parts.push_back(mark);
      continue;
    }
    for (int32_t i = 0; i < decomposition.length(); i = decomposition.moveIndex32(i, 1)) {
      parts.push_back(decomposition.char32At(i));
    }
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](UChar32 a, UChar32 b) { return u_getCombiningClass(a) < u_getCombiningClass(b); });
  for (const UChar32 part : parts) {
    char bytes[U8_MAX_LENGTH];
    int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, part);
    out->append(bytes, static_cast<size_t>(length));
  }
}

constexpr size_t kLongRun = 32;  // marks, of two bytes or more

// False only when no run of marks is long: looks at one character in the bytes that a long run takes.
bool MayHaveLongRun(absl::string_view text) {
  for (size_t i = 0; i < text.size(); i += 2 * kLongRun) {
    if (static_cast<uint8_t>(text[i]) < 0x80) continue;
    size_t at = i;
    while (IsContinuation(static_cast<uint8_t>(text[at]))) --at;
    UChar32 c;
    U8_NEXT_UNSAFE(text.data(), at, c);
    if (IsMark(c)) return true;
  }
  return false;
}

// ICU orders marks by insertion, which is quadratic in the length of a run. Long runs are ordered here first:
// canonically equivalent, so their NFC is the same. Empty when there is none.
std::string OrderLongRuns(absl::string_view text) {
  if (!MayHaveLongRun(text)) return "";
  std::string out;
  std::vector<UChar32> marks;
  size_t copied = 0, run_begin = 0;
  for (size_t i = 0; i <= text.size();) {
    size_t next = i;
    UChar32 c = 0;
    if (i < text.size()) U8_NEXT_UNSAFE(text.data(), next, c);
    if (IsMark(c)) {
      if (marks.empty()) run_begin = i;
      marks.push_back(c);
    } else {
      if (marks.size() >= kLongRun) {
        out.append(text.data() + copied, run_begin - copied);
        AppendOrdered(marks, &out);
        copied = i;
      }
      marks.clear();
    }
    i = i == text.size() ? i + 1 : next;
  }
  if (copied > 0) out.append(text.data() + copied, text.size() - copied);
  return out;
}

bool IsNfc(absl::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  return Nfc().isNormalizedUTF8(piece, error) && U_SUCCESS(error);
}

// ICU counts bytes in an int32: longer text is normalised in pieces that end before an ASCII byte, across
// which nothing composes or reorders once the byte itself goes to the next piece.
constexpr size_t kMaxPiece = size_t{1} << 28;

size_t PieceLength(absl::string_view text) {
  if (text.size() <= kMaxPiece) return text.size();
  size_t length = kMaxPiece;
  while (length > 1 && static_cast<uint8_t>(text[length]) >= 0x80) --length;
  return length > 1 ? length : kMaxPiece;
}

}  // namespace

size_t WellFormedPrefix(absl::string_view bytes) {
  size_t i = SkipAscii(bytes, 0);
  while (i < bytes.size()) {
    const Sequence sequence = ReadSequence(bytes, i);
    if (!sequence.whole) return i;
    i += sequence.length;
    if (i < bytes.size() && static_cast<uint8_t>(bytes[i]) < 0x80) i = SkipAscii(bytes, i);
  }
  return i;
}

std::string ReplaceIllFormed(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + 16);
  while (true) {
    const size_t good = WellFormedPrefix(bytes);
    text.append(bytes.data(), good);
    if (good == bytes.size()) return text;
    text.append("\xEF\xBF\xBD");
    bytes.remove_prefix(good + ReadSequence(bytes, good).length);
  }
}

std::string NormalizeNfc(absl::string_view text) {
  const std::string ordered = OrderLongRuns(text);
  if (!ordered.empty()) text = ordered;
  std::string normal;
  normal.reserve(text.size() + 16);
  while (!text.empty()) {
    const size_t length = PieceLength(text);
    UErrorCode error = U_ZERO_ERROR;
    icu::StringByteSink<std::string> sink(&normal);
    Nfc().normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(length)), sink, nullptr, error);
    GROUTER_CHECK(U_SUCCESS(error));
    text.remove_prefix(length);
  }
  return normal;
}

absl::string_view CanonicalText(absl::string_view bytes, std::string* storage) {
  const size_t ascii = SkipAscii(bytes, 0);
  if (ascii == bytes.size()) return bytes;
  absl::string_view text = bytes;
  if (ascii + WellFormedPrefix(bytes.substr(ascii)) != bytes.size()) {
    *storage = ReplaceIllFormed(bytes);
    text = *storage;
  }
  if (text.size() <= kMaxPiece && !MayHaveLongRun(text) && IsNfc(text)) return text;
  *storage = NormalizeNfc(text);
  return *storage;
}

std::string UnicodeVersion() {
  UVersionInfo version;
  u_getUnicodeVersion(version);
  return std::to_string(version[0]) + "." + std::to_string(version[1]);
}

}  // namespace grouter
