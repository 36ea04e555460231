// The merge loop of byte-level BPE: from the bytes of a piece, again and again the adjacent pair whose
// concatenation has the lowest rank becomes one token (the leftmost of equal pairs first), until no pair is
// a token.
#ifndef GROUTER_DATA_TOKENIZER_MERGE_H_
#define GROUTER_DATA_TOKENIZER_MERGE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "data/tokenizer/rank_table.h"

namespace grouter {

// Which token two tokens make: every way to cut a token into two tokens. Immutable, thread-safe.
class MergeTable {
 public:
  explicit MergeTable(const RankTable& ranks);

  static constexpr uint32_t kNone = RankTable::kMaxTokens;  // above every rank
  uint32_t ByteToken(uint8_t byte) const { return byte_tokens_[byte]; }
  uint32_t BytePair(uint8_t a, uint8_t b) const { return byte_pairs_[a << 8 | b]; }
  // The rank of token `a` followed by token `b`, or kNone.
  uint32_t Pair(uint32_t a, uint32_t b) const;

 private:
  // A slot is a (21 bits) | b (21 bits) | rank of both together (21 bits); all ones when free.
  static constexpr uint64_t kFree = UINT64_MAX;
  static uint64_t SlotOf(uint64_t key, uint32_t shift) { return (key * 0x9E3779B97F4A7C15ull) >> shift; }

  std::array<uint32_t, 256> byte_tokens_;
  std::vector<uint32_t> byte_pairs_;  // [256 * 256]
  std::vector<uint64_t> slots_;
  uint32_t shift_;  // 64 - log2(slots)
};

// The working memory of the loop: one per thread.
class Merger {
 public:
  // `merges` must outlive the object.
  explicit Merger(const MergeTable& merges) : merges_(merges) {}
  // Appends the piece's tokens to *ids. O(n^2) with a tiny constant for short pieces, O(n log n) for long.
  void Merge(absl::string_view piece, std::vector<uint32_t>* ids);

 private:
  void MergeByScan(absl::string_view piece, std::vector<uint32_t>* ids);
  void MergeByHeap(absl::string_view piece, std::vector<uint32_t>* ids);

  struct Part {
    uint32_t token;
    uint32_t rank;  // of this part and the next together
    uint32_t next;
    uint32_t previous;
  };
  const MergeTable& merges_;
  std::vector<uint32_t> tokens_;
  std::vector<int32_t> ranks_;
  std::vector<Part> parts_;
  std::vector<uint64_t> heap_;  // rank << 32 | position
};

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZER_MERGE_H_
