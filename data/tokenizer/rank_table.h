// The vocabulary of a byte-level BPE: byte strings in the order in which they were learned. A token's rank
// is its id and its merge priority, so a prefix of a rank table is itself one.
#ifndef GROUTER_DATA_TOKENIZER_RANK_TABLE_H_
#define GROUTER_DATA_TOKENIZER_RANK_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace grouter {

// Immutable after it was made; thread-safe. Holds every single byte as a token, no token twice and none
// empty.
class RankTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kMaxTokens = (1u << 21) - 1;

  // tiktoken's format: one "BASE64 RANK" a line, ranks 0..n-1 in any order. `where` names the file in errors:
  // INVALID_ARGUMENT with the line for bad base64, a missing, repeated or skipped rank, a repeated token, a
  // missing byte. A file cut inside a line is one of these; a file cut between lines is a shorter table.
  static absl::StatusOr<RankTable> Parse(absl::string_view file_bytes, absl::string_view where);
  // tokens[i] has rank i.
  static absl::StatusOr<RankTable> FromTokens(const std::vector<std::string>& tokens,
                                              absl::string_view where);

  // The first `num_tokens` ranks. REQUIRES: num_tokens <= size(); INVALID_ARGUMENT when a byte is lost by it.
  absl::StatusOr<RankTable> Prefix(uint32_t num_tokens, absl::string_view where) const;

  uint32_t size() const { return static_cast<uint32_t>(offsets_.size() - 1); }
  // REQUIRES: rank < size().
  absl::string_view bytes(uint32_t rank) const {
    return absl::string_view(blob_).substr(offsets_[rank], offsets_[rank + 1] - offsets_[rank]);
  }
  // kNone when `bytes` is no token.
  uint32_t Find(absl::string_view bytes) const;
  uint32_t max_token_bytes() const { return max_token_bytes_; }

 private:
  absl::Status Index(absl::string_view where);

  std::string blob_;                     // tokens end to end
  std::vector<uint32_t> offsets_ = {0};  // [size + 1]
  std::vector<uint32_t> slots_;          // open addressing: rank or kNone; size is a power of two
  uint32_t max_token_bytes_ = 0;
};

// A fast 64-bit hash for keys that never leave the process.
uint64_t HashBytes(absl::string_view bytes);

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZER_RANK_TABLE_H_
