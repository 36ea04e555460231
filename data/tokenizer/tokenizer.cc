#include "data/tokenizer/tokenizer.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "data/tokenizer/hugging_face.h"
#include "data/tokenizer/split.h"
#include "data/tokenizer/text.h"
#include "io/coding.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr uint32_t kLog2ShortPieces = 16;
constexpr uint32_t kLog2LongPieces = 13;
constexpr size_t kMaxShortBytes = 15;
constexpr size_t kMaxLongBytes = 64;

Digest DigestOf(const RankTable& ranks, const std::vector<std::string>& special_tokens) {
  ByteWriter out;
  out.PutString("grouter tokenizer 1");
  out.PutString(kQwenSplitPattern);
  out.PutString("NFC");
  out.Put<uint32_t>(ranks.size());
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) out.PutString(ranks.bytes(rank));
  out.Put<uint32_t>(static_cast<uint32_t>(special_tokens.size()));
  for (const std::string& token : special_tokens) out.PutString(token);
  return Sha256(out.bytes());
}

}  // namespace

Tokenizer::Tokenizer(RankTable ranks, std::vector<std::string> special_tokens)
    : ranks_(std::move(ranks)),
      merges_(ranks_),
      special_tokens_(std::move(special_tokens)),
      digest_(DigestOf(ranks_, special_tokens_)) {}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::FromRanks(RankTable ranks,
                                                                      const TokenizerOptions& options,
                                                                      absl::string_view where) {
  const std::vector<std::string>& special = options.special_tokens;
  for (size_t i = 0; i < special.size(); ++i) {
    if (special[i].empty() || std::count(special.begin(), special.end(), special[i]) != 1) {
      return Error(absl::StatusCode::kInvalidArgument, "a special token that is empty or given twice",
                   special[i], "name each special token once");
    }
  }
  if (special.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "no special tokens", where,
                 "name at least one: the first ends a document");
  }
  if (options.vocab_size != 0) {
    const uint64_t smallest = 256 + special.size(), largest = ranks.size() + special.size();
    if (options.vocab_size < smallest || options.vocab_size > largest) {
      return Error(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("a vocabulary of ", options.vocab_size, " ids cannot be cut from ",
                                ranks.size(), " ranks and ", special.size(), " special tokens"),
                   where, absl::StrCat("choose ", smallest, " to ", largest));
    }
    GROUTER_ASSIGN_OR_RETURN(ranks,
                             ranks.Prefix(static_cast<uint32_t>(options.vocab_size - special.size()), where));
  }
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(ranks), special));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::Open(const std::string& path,
                                                                 const TokenizerOptions& options,
                                                                 FileSystem& files) {
  GROUTER_ASSIGN_OR_RETURN(const std::string bytes, files.ReadFile(path, kMaxFileBytes));
  if (absl::EndsWith(path, ".json")) {
    GROUTER_ASSIGN_OR_RETURN(HuggingFaceTokenizer parsed, ParseHuggingFaceTokenizer(bytes, path));
    TokenizerOptions with_tokens = options;
    if (!parsed.special_tokens.empty()) with_tokens.special_tokens = parsed.special_tokens;
    return FromRanks(std::move(parsed.ranks), with_tokens, path);
  }
  GROUTER_ASSIGN_OR_RETURN(RankTable ranks, RankTable::Parse(bytes, path));
  return FromRanks(std::move(ranks), options, path);
}

absl::StatusOr<std::string> Tokenizer::Decode(absl::Span<const uint32_t> ids) const {
  std::string bytes;
  for (const uint32_t id : ids) {
    if (id >= vocab_size()) {
      return Error(absl::StatusCode::kOutOfRange, absl::StrCat("token id ", id),
                   absl::StrCat("of ", vocab_size()), "decode with the tokenizer that made the ids");
    }
    const absl::string_view token = id < num_ranks() ? ranks_.bytes(id) : special_tokens_[id - num_ranks()];
    bytes.append(token.data(), token.size());
  }
  return bytes;
}

// A piece of at most 15 bytes with at most three tokens: two words of key, whose last byte is the length.
struct alignas(32) Encoder::ShortPiece {
  uint64_t low = 0;
  uint64_t high = 0;  // 0: free
  uint32_t num_ids = 0;
  uint32_t ids[3] = {};
};

// A piece of at most 64 bytes with at most 15 tokens.
struct alignas(64) Encoder::LongPiece {
  uint16_t num_bytes = 0;  // 0: free
  uint16_t num_ids = 0;
  uint32_t ids[15];
  char bytes[kMaxLongBytes];
};

Encoder::Encoder(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      merger_(tokenizer.merges_),
      short_pieces_(size_t{1} << kLog2ShortPieces),
      long_pieces_(size_t{1} << kLog2LongPieces) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

void Encoder::Encode(absl::string_view bytes, std::vector<uint32_t>* ids, SpecialTokens special) {
  std::string storage;
  absl::string_view text = CanonicalText(bytes, &storage);
  if (special == SpecialTokens::kAsText) return EncodeOrdinary(text, ids);
  const std::vector<std::string>& names = tokenizer_.special_tokens_;
  std::vector<size_t> found(names.size(), 0);  // where each name appears next; npos: no more
  size_t begin = 0;
  while (true) {
    size_t first = absl::string_view::npos;
    size_t which = 0;
    for (size_t i = 0; i < names.size(); ++i) {
      if (found[i] != absl::string_view::npos && (found[i] < begin || begin == 0)) {
        found[i] = text.find(names[i], begin);
      }
      // Of two that start together the first in the list wins.
      if (found[i] < first) {
        first = found[i];
        which = i;
      }
    }
    if (first == absl::string_view::npos) break;
    EncodeOrdinary(text.substr(begin, first - begin), ids);
    ids->push_back(tokenizer_.num_ranks() + static_cast<uint32_t>(which));
    begin = first + names[which].size();
  }
  EncodeOrdinary(text.substr(begin), ids);
}

void Encoder::EncodeOrdinary(absl::string_view text, std::vector<uint32_t>* ids) {
  const char* end = text.data() + text.size();
  PieceSplitter splitter(text);
  for (absl::string_view piece = splitter.Next(); !piece.empty(); piece = splitter.Next()) {
    if (piece.size() <= kMaxShortBytes) {
      EncodeShort(piece, end - piece.data() >= 16, ids);
    } else if (piece.size() <= kMaxLongBytes) {
      EncodeLong(piece, ids);
    } else {
      EncodeUnseen(piece, ids);
    }
  }
}

void Encoder::EncodeShort(absl::string_view piece, bool may_read_16, std::vector<uint32_t>* ids) {
  uint64_t words[2] = {0, 0};
  const size_t n = piece.size();
  if (may_read_16) {
    std::memcpy(words, piece.data(), 16);
    if (n <= 8) {
      words[0] &= ~uint64_t{0} >> (64 - 8 * n);
      words[1] = 0;
    } else {
      words[1] &= ~uint64_t{0} >> (128 - 8 * n);
    }
  } else {
    std::memcpy(words, piece.data(), n);
  }
  words[1] |= uint64_t{n} << 56;
  const uint64_t hash = (words[0] ^ words[1] * 0xC2B2AE3D27D4EB4Full) * 0x9E3779B97F4A7C15ull;
  ShortPiece& entry = short_pieces_[(hash ^ hash << 32) >> (64 - kLog2ShortPieces)];
  if (entry.low == words[0] && entry.high == words[1]) {
    ids->insert(ids->end(), entry.ids, entry.ids + entry.num_ids);
    return;
  }
  const size_t before = ids->size();
  EncodeUnseen(piece, ids);
  const size_t count = ids->size() - before;
  if (count > 3) return;
  entry.low = words[0];
  entry.high = words[1];
  entry.num_ids = static_cast<uint32_t>(count);
  std::copy(ids->begin() + before, ids->end(), entry.ids);
}

void Encoder::EncodeLong(absl::string_view piece, std::vector<uint32_t>* ids) {
  LongPiece& entry = long_pieces_[HashBytes(piece) >> (64 - kLog2LongPieces)];
  if (absl::string_view(entry.bytes, entry.num_bytes) == piece) {
    ids->insert(ids->end(), entry.ids, entry.ids + entry.num_ids);
    return;
  }
  const size_t before = ids->size();
  EncodeUnseen(piece, ids);
  const size_t count = ids->size() - before;
  if (count > 15) return;
  entry.num_bytes = static_cast<uint16_t>(piece.size());
  entry.num_ids = static_cast<uint16_t>(count);
  std::memcpy(entry.bytes, piece.data(), piece.size());
  std::copy(ids->begin() + before, ids->end(), entry.ids);
}

void Encoder::EncodeUnseen(absl::string_view piece, std::vector<uint32_t>* ids) {
  const RankTable& ranks = tokenizer_.ranks_;
  if (piece.size() <= ranks.max_token_bytes()) {
    const uint32_t whole = ranks.Find(piece);
    if (whole != RankTable::kNone) {
      ids->push_back(whole);
      return;
    }
  }
  merger_.Merge(piece, ids);
}

}  // namespace grouter
