#include "data/tokenizer/rank_table.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "io/error.h"
#include "io/random.h"

namespace grouter {
namespace {

constexpr char kFix[] = "the file is damaged or not a tiktoken rank file; fetch it again";

absl::Status BadLine(absl::string_view where, uint64_t line, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, what, absl::StrCat(where, " line ", line), kFix);
}

bool DecodeBase64(absl::string_view text, std::string* bytes) {
  if (text.empty() || text.size() % 4 != 0) return false;
  return absl::Base64Unescape(text, bytes) && absl::Base64Escape(*bytes) == text;
}

}  // namespace

uint64_t HashBytes(absl::string_view bytes) {
  uint64_t hash = bytes.size() * 0x9E3779B97F4A7C15ull;
  const char* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    hash = (hash ^ word) * 0xFF51AFD7ED558CCDull;
    hash ^= hash >> 32;
  }
  uint64_t tail = 0;
  std::memcpy(&tail, p, left);
  return Mix64(hash ^ tail);
}

absl::StatusOr<RankTable> RankTable::Parse(absl::string_view file_bytes, absl::string_view where) {
  struct Line {
    uint32_t rank;
    uint32_t number;
    std::string token;
  };
  std::vector<Line> lines;
  uint32_t number = 0;
  while (!file_bytes.empty()) {
    const size_t newline = file_bytes.find('\n');
    absl::string_view text = file_bytes.substr(0, newline);
    file_bytes.remove_prefix(newline == absl::string_view::npos ? file_bytes.size() : newline + 1);
    ++number;
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (text.empty()) continue;
    const size_t space = text.find(' ');
    Line line{0, number, {}};
    if (!DecodeBase64(text.substr(0, space), &line.token)) return BadLine(where, number, "bad base64");
    const absl::string_view digits = space == absl::string_view::npos ? "" : text.substr(space + 1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos ||
        !absl::SimpleAtoi(digits, &line.rank)) {
      return BadLine(where, number, "a token without a rank");
    }
    if (lines.size() == kMaxTokens)
      return BadLine(where, number, absl::StrCat("more than ", kMaxTokens, " tokens"));
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return Error(absl::StatusCode::kInvalidArgument, "no ranks", where, kFix);
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.rank < b.rank; });
  std::vector<std::string> tokens;
  tokens.reserve(lines.size());
  for (Line& line : lines) {
    if (line.rank < tokens.size()) {
      return BadLine(where, line.number, absl::StrCat("rank ", line.rank, " appears twice"));
    }
    if (line.rank > tokens.size()) {
      return BadLine(where, line.number, absl::StrCat("rank ", tokens.size(), " is missing"));
    }
    tokens.push_back(std::move(line.token));
  }
  return FromTokens(tokens, where);
}

absl::StatusOr<RankTable> RankTable::FromTokens(const std::vector<std::string>& tokens,
                                                absl::string_view where) {
  if (tokens.size() > kMaxTokens) {
    return Error(absl::StatusCode::kInvalidArgument, absl::StrCat("more than ", kMaxTokens, " tokens"), where,
                 kFix);
  }
  RankTable table;
  table.offsets_.reserve(tokens.size() + 1);
  for (const std::string& token : tokens) {
    if (token.empty()) return Error(absl::StatusCode::kInvalidArgument, "an empty token", where, kFix);
    if (token.size() > UINT32_MAX - table.blob_.size()) {
      return Error(absl::StatusCode::kInvalidArgument, "tokens of more than 4 GiB", where, kFix);
    }
    table.blob_ += token;
    table.offsets_.push_back(static_cast<uint32_t>(table.blob_.size()));
    table.max_token_bytes_ = std::max(table.max_token_bytes_, static_cast<uint32_t>(token.size()));
  }
  GROUTER_RETURN_IF_ERROR(table.Index(where));
  return table;
}

absl::StatusOr<RankTable> RankTable::Prefix(uint32_t num_tokens, absl::string_view where) const {
  GROUTER_CHECK(num_tokens <= size());
  std::vector<std::string> tokens;
  tokens.reserve(num_tokens);
  for (uint32_t rank = 0; rank < num_tokens; ++rank) tokens.emplace_back(bytes(rank));
  return FromTokens(tokens, where);
}

absl::Status RankTable::Index(absl::string_view where) {
  size_t capacity = 512;
  while (capacity < size_t{2} * size()) capacity *= 2;
  slots_.assign(capacity, kNone);
  for (uint32_t rank = 0; rank < size(); ++rank) {
    size_t slot = HashBytes(bytes(rank)) & (capacity - 1);
    for (; slots_[slot] != kNone; slot = (slot + 1) & (capacity - 1)) {
      if (bytes(slots_[slot]) == bytes(rank)) {
        const std::string what = absl::StrCat("ranks ", slots_[slot], " and ", rank, " are the same token");
        return Error(absl::StatusCode::kInvalidArgument, what, where, kFix);
      }
    }
    slots_[slot] = rank;
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (Find(absl::string_view(&c, 1)) == kNone) {
      return Error(
          absl::StatusCode::kInvalidArgument, absl::StrCat("byte ", byte, " has no token"), where,
          "a byte-level vocabulary starts with all 256 bytes: use another file or a larger vocabulary");
    }
  }
  return absl::OkStatus();
}

uint32_t RankTable::Find(absl::string_view bytes) const {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = HashBytes(bytes) & mask; slots_[slot] != kNone; slot = (slot + 1) & mask) {
    if (this->bytes(slots_[slot]) == bytes) return slots_[slot];
  }
  return kNone;
}

}  // namespace grouter
