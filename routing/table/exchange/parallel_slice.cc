#include "routing/table/exchange/parallel_slice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "io/error.h"

namespace grouter {
namespace {

constexpr uint32_t kMaxSize = 65536;

absl::Status CheckRank(const char* what, uint32_t rank, uint32_t size) {
  if (size == 0 || size > kMaxSize) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("must be 1 to ", kMaxSize),
                 absl::StrCat(what, "_size"));
  }
  if (rank >= size) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat(rank, " is not below ", size),
                 absl::StrCat(what, "_rank"));
  }
  return absl::OkStatus();
}

}  // namespace

EvenShare ShareOf(uint64_t n, uint32_t rank, uint32_t size) {
  const auto border = [&](uint64_t r) { return n / size * r + n % size * r / size; };
  const uint64_t first = border(rank);
  return {first, border(uint64_t{rank} + 1) - first};
}

uint64_t LeastPadMultiple(const TokenSplit& split) {
  return (split.context_size > 1 ? uint64_t{2} * split.context_size : 1) * split.sequence_size;
}

absl::Status CheckTokenSplit(const TokenSplit& split) {
  GROUTER_RETURN_IF_ERROR(CheckRank("context_parallel", split.context_rank, split.context_size));
  GROUTER_RETURN_IF_ERROR(CheckRank("sequence_parallel", split.sequence_rank, split.sequence_size));
  if (split.pad_multiple % LeastPadMultiple(split) != 0) {
    return Error(absl::StatusCode::kInvalidArgument,
                 absl::StrCat(split.pad_multiple, " is not a multiple of ", LeastPadMultiple(split)),
                 "pad_multiple", "Pad to a multiple of 2 x context x sequence parallel size.");
  }
  return absl::OkStatus();
}

LocalTokens TokensOf(uint32_t length, const TokenSplit& split) {
  const uint64_t multiple = std::max<uint64_t>(split.pad_multiple, LeastPadMultiple(split));
  const uint64_t padded = (length + multiple - 1) / multiple * multiple;
  const uint64_t pieces = split.context_size > 1 ? 2 * uint64_t{split.context_size} : 1;
  const uint64_t piece = padded / pieces;
  const uint64_t held = split.context_size > 1 ? 2 * piece : piece;  // by the context-parallel rank
  const uint64_t part = held / split.sequence_size;
  const uint64_t begin = part * split.sequence_rank, end = begin + part;
  LocalTokens tokens;
  tokens.num_tokens = static_cast<uint32_t>(part);
  const auto add = [&](uint64_t number, uint64_t held_from) {
    // The overlap of this piece, at [held_from, held_from + piece), with [begin, end), cut at the length.
    const uint64_t from = std::max(begin, held_from), to = std::min(end, held_from + piece);
    const uint64_t first = number * piece + (from - held_from);
    if (from >= to || first >= length) return;
    tokens.pieces.push_back({static_cast<uint32_t>(first),
                             static_cast<uint32_t>(std::min<uint64_t>(to - from, length - first)),
                             static_cast<uint32_t>(from - begin)});
  };
  add(split.context_rank, 0);
  if (split.context_size > 1) add(pieces - 1 - split.context_rank, piece);
  return tokens;
}

}  // namespace grouter
