#include "data/tokenizer/split.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <vector>

namespace grouter {

const char kQwenSplitPattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const PieceSplitter::CharClass* PieceSplitter::Classes() {
  static const std::vector<CharClass>* const classes = [] {
    auto* table = new std::vector<CharClass>(0x110000, CharClass::kOther);
    const auto fill = [](const void* context, UChar32 start, UChar32 limit, UCharCategory category) -> UBool {
      auto& out = *static_cast<std::vector<CharClass>*>(const_cast<void*>(context));
      const uint32_t mask = U_MASK(category);
      if ((mask & (U_GC_L_MASK | U_GC_N_MASK)) != 0) {
        const CharClass kind = (mask & U_GC_L_MASK) != 0 ? CharClass::kLetter : CharClass::kNumber;
        std::fill(out.begin() + start, out.begin() + limit, kind);
      } else if ((mask & (U_GC_Z_MASK | U_GC_CC_MASK)) != 0) {
        for (UChar32 c = start; c < limit; ++c) {
          if (u_isUWhiteSpace(c)) out[c] = CharClass::kSpace;
        }
      }
      return true;
    };
    u_enumCharTypes(fill, table);
    (*table)['\n'] = (*table)['\r'] = CharClass::kNewline;
    return table;
  }();
  return classes->data();
}

PieceSplitter::PieceSplitter(absl::string_view text)
    : classes_(Classes()), position_(text.data()), end_(text.data() + text.size()) {}

inline PieceSplitter::Char PieceSplitter::At(const char* p) const {
  const auto* u = reinterpret_cast<const uint8_t*>(p);
  if (u[0] < 0x80) return {classes_[u[0]], 1};
  if (u[0] < 0xE0) return {classes_[(u[0] & 0x1F) << 6 | (u[1] & 0x3F)], 2};
  if (u[0] < 0xF0) return {classes_[(u[0] & 0x0F) << 12 | (u[1] & 0x3F) << 6 | (u[2] & 0x3F)], 3};
  const uint32_t high = (u[0] & 0x07) << 18 | (u[1] & 0x3F) << 12;
  return {classes_[high | (u[2] & 0x3F) << 6 | (u[3] & 0x3F)], 4};
}

inline const char* PieceSplitter::SkipLetters(const char* p) const {
  while (p < end_) {
    const Char c = At(p);
    if (c.kind != CharClass::kLetter) break;
    p += c.length;
  }
  return p;
}

absl::string_view PieceSplitter::Next() {
  if (position_ == end_) return absl::string_view();
  const char* begin = position_;
  position_ = EndOfPiece(begin);
  return absl::string_view(begin, static_cast<size_t>(position_ - begin));
}

const char* PieceSplitter::EndOfPiece(const char* p) const {
  const Char first = At(p);
  const char* second = p + first.length;
  switch (first.kind) {
    case CharClass::kLetter:
      return SkipLetters(second);
    case CharClass::kNumber:
      return second;
    case CharClass::kNewline:
      return EndOfWhiteSpace(p);
    case CharClass::kSpace:
    case CharClass::kOther:
      break;
  }
  if (*p == '\'') {
    if (const char* end = EndOfContraction(p)) return end;
  }
  const CharClass next = second < end_ ? At(second).kind : CharClass::kNumber;  // a number joins nothing
  if (next == CharClass::kLetter) return SkipLetters(second);
  if (first.kind == CharClass::kOther) return EndOfSymbols(second);
  return *p == ' ' && next == CharClass::kOther ? EndOfSymbols(second) : EndOfWhiteSpace(p);
}

const char* PieceSplitter::EndOfContraction(const char* p) const {
  const auto lower = [&](int i) { return p + i < end_ ? static_cast<char>(p[i] | 0x20) : '\0'; };
  switch (lower(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return p + 2;
    case 'r':
    case 'v':
      return lower(2) == 'e' ? p + 3 : nullptr;
    case 'l':
      return lower(2) == 'l' ? p + 3 : nullptr;
    default:
      // U+017F, the long s, folds to s.
      return end_ - p >= 3 && p[1] == '\xC5' && p[2] == '\xBF' ? p + 3 : nullptr;
  }
}

const char* PieceSplitter::EndOfSymbols(const char* p) const {
  while (p < end_) {
    const Char c = At(p);
    if (c.kind != CharClass::kOther) break;
    p += c.length;
  }
  while (p < end_ && (*p == '\r' || *p == '\n')) ++p;
  return p;
}

const char* PieceSplitter::EndOfWhiteSpace(const char* p) const {
  const char* begin = p;
  const char* last = p;                 // the last character of the run
  const char* after_newline = nullptr;  // behind the run's last newline
  while (p < end_) {
    const Char c = At(p);
    if (c.kind != CharClass::kSpace && c.kind != CharClass::kNewline) break;
    last = p;
    p += c.length;
    if (c.kind == CharClass::kNewline) after_newline = p;
  }
  if (after_newline != nullptr) return after_newline;
  // What follows takes one space with it, if the run can spare it.
  return p == end_ || last == begin ? p : last;
}

}  // namespace grouter
