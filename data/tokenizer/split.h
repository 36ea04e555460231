// Qwen's split pattern: text is cut into pieces before byte pairs are merged, and no token crosses a piece.
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|
//   \s*[\r\n]+|\s+(?!\S)|\s+
//
// Every character falls into exactly one piece. ICU says what a letter, a number and white space is; the
// alternatives are decided by looking at most one character ahead, so the whole is linear (a backtracking
// engine is the oracle in the test).
#ifndef GROUTER_DATA_TOKENIZER_SPLIT_H_
#define GROUTER_DATA_TOKENIZER_SPLIT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace grouter {

// The pattern above as a regular expression: part of a tokenizer's digest.
extern const char kQwenSplitPattern[];

// Walks over the pieces of a text. One thread at a time; does not own the text.
class PieceSplitter {
 public:
  // REQUIRES: `text` is well-formed UTF-8.
  explicit PieceSplitter(absl::string_view text);
  // The next piece, never empty; an empty view at the end.
  absl::string_view Next();

 private:
  enum class CharClass : uint8_t { kOther, kLetter, kNumber, kSpace, kNewline };
  struct Char {
    CharClass kind;
    uint8_t length;
  };
  static const CharClass* Classes();
  Char At(const char* p) const;
  const char* SkipLetters(const char* p) const;
  const char* EndOfPiece(const char* p) const;
  const char* EndOfSymbols(const char* p) const;
  const char* EndOfWhiteSpace(const char* p) const;
  const char* EndOfContraction(const char* p) const;

  const CharClass* classes_;  // [0x110000]
  const char* position_;
  const char* end_;
};

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZER_SPLIT_H_
