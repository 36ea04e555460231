// Text to token ids and back: byte-level BPE over a rank table with Qwen's split pattern, NFC first.
//
//   bytes -> UTF-8 with replacement -> NFC -> special tokens -> pieces -> merges -> ids
//
// Equal, id for id, to tiktoken over the same ranks and pattern. Ids 0..num_ranks-1 are ranks; the special
// tokens follow in their given order.
#ifndef GROUTER_DATA_TOKENIZER_TOKENIZER_H_
#define GROUTER_DATA_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "data/tokenizer/merge.h"
#include "data/tokenizer/rank_table.h"
#include "io/digest.h"
#include "io/file.h"

namespace grouter {

struct TokenizerOptions {
  // All ids together, special tokens included; the ranks are cut to fit. 0: all ranks of the file.
  uint32_t vocab_size = 0;
  // The first is the end-of-document token. Qwen's first three.
  std::vector<std::string> special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
};

// Immutable and thread-safe; encoding goes through one Encoder per thread.
class Tokenizer {
 public:
  // Errors: those of RankTable; INVALID_ARGUMENT when vocab_size is smaller than 256 + special tokens or
  // larger than the file gives, or a special token is empty or given twice.
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> FromRanks(RankTable ranks,
                                                                    const TokenizerOptions& options,
                                                                    absl::string_view where);
  // A tiktoken rank file, or a Hugging Face tokenizer.json when the name ends in ".json".
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> Open(const std::string& path,
                                                               const TokenizerOptions& options,
                                                               FileSystem& files = FileSystem::Local());

  uint32_t vocab_size() const { return num_ranks() + static_cast<uint32_t>(special_tokens_.size()); }
  uint32_t num_ranks() const { return ranks_.size(); }
  uint32_t eod_id() const { return num_ranks(); }
  const std::vector<std::string>& special_tokens() const { return special_tokens_; }
  // Over ranks, split pattern, normalisation and special tokens: equal digests give equal ids.
  const Digest& digest() const { return digest_; }
  const RankTable& ranks() const { return ranks_; }

  // The bytes of the ids end to end, special tokens by name. OUT_OF_RANGE for an id >= vocab_size().
  absl::StatusOr<std::string> Decode(absl::Span<const uint32_t> ids) const;

 private:
  friend class Encoder;
  Tokenizer(RankTable ranks, std::vector<std::string> special_tokens);

  RankTable ranks_;
  MergeTable merges_;
  std::vector<std::string> special_tokens_;
  Digest digest_;
};

// Encodes with one tokenizer, remembering recent pieces. One thread at a time; the tokenizer must outlive it.
// What it returns depends on its arguments only.
class Encoder {
 public:
  enum class SpecialTokens {
    kAsText,   // "<|endoftext|>" in a document is thirteen characters
    kAllowed,  // it is the special token
  };
  explicit Encoder(const Tokenizer& tokenizer);
  Encoder(Encoder&&) noexcept;
  ~Encoder();

  // Appends the ids of `bytes` (any bytes) to *ids.
  void Encode(absl::string_view bytes, std::vector<uint32_t>* ids,
              SpecialTokens special = SpecialTokens::kAsText);

 private:
  struct ShortPiece;
  struct LongPiece;
  void EncodeOrdinary(absl::string_view text, std::vector<uint32_t>* ids);
  void EncodeShort(absl::string_view piece, bool may_read_16, std::vector<uint32_t>* ids);
  void EncodeLong(absl::string_view piece, std::vector<uint32_t>* ids);
  void EncodeUnseen(absl::string_view piece, std::vector<uint32_t>* ids);

  const Tokenizer& tokenizer_;
  Merger merger_;
  std::vector<ShortPiece> short_pieces_;  // direct-mapped caches
  std::vector<LongPiece> long_pieces_;
};

}  // namespace grouter

#endif  // GROUTER_DATA_TOKENIZER_TOKENIZER_H_
