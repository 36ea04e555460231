// Bytes to text: what a tokenizer sees of a document. Ill-formed UTF-8 is replaced as Python's
// bytes.decode("utf-8", "replace") does (Unicode's maximal subparts), then text is normalised to NFC by ICU.
#ifndef GROUTER_DATA_TOKENIZER_TEXT_H_
#define GROUTER_DATA_TOKENIZER_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace grouter {

// The number of leading bytes that are well-formed UTF-8.
size_t WellFormedPrefix(absl::string_view bytes);

// `bytes` with each maximal ill-formed subpart replaced by U+FFFD.
std::string ReplaceIllFormed(absl::string_view bytes);

// NFC. REQUIRES: `text` is well-formed UTF-8. Linear, but for sorting: n log n in a run of n combining marks.
std::string NormalizeNfc(absl::string_view text);

// Both steps. Returns `bytes` itself when nothing had to change, else a view of *storage, which must
// outlive it. Pure; any thread.
absl::string_view CanonicalText(absl::string_view bytes, std::string* storage);

// The library's Unicode version ("15.0"): two versions may disagree about code points assigned in between.
std::string UnicodeVersion();

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZER_TEXT_H_
