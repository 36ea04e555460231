#include "data/tokenizer/merge.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace grouter {
namespace {

constexpr uint32_t kBits = 21;
constexpr size_t kScanLimit = 160;  // bytes; where the scan's n^2 meets the heap's constant
constexpr uint32_t kEnd = UINT32_MAX;

}  // namespace

MergeTable::MergeTable(const RankTable& ranks) : byte_pairs_(size_t{1} << 16, kNone) {
  static_assert(kNone < (1u << kBits), "a rank fits its field");
  std::vector<uint64_t> entries;  // key << kBits | rank
  entries.reserve(size_t{4} * ranks.size());
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) {
    const absl::string_view token = ranks.bytes(rank);
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const uint32_t left = ranks.Find(token.substr(0, cut));
      if (left == RankTable::kNone) continue;
      const uint32_t right = ranks.Find(token.substr(cut));
      if (right == RankTable::kNone) continue;
      entries.push_back((uint64_t{left} << kBits | right) << kBits | rank);
      if (token.size() == 2)
        byte_pairs_[static_cast<uint8_t>(token[0]) << 8 | static_cast<uint8_t>(token[1])] = rank;
    }
    if (token.size() == 1) byte_tokens_[static_cast<uint8_t>(token[0])] = rank;
  }
  uint32_t log2_slots = 9;
  while ((uint64_t{1} << log2_slots) < 2 * entries.size()) ++log2_slots;
  shift_ = 64 - log2_slots;
  slots_.assign(size_t{1} << log2_slots, kFree);
  const uint64_t mask = slots_.size() - 1;
  for (const uint64_t entry : entries) {
    uint64_t slot = SlotOf(entry >> kBits, shift_);
    while (slots_[slot] != kFree) slot = (slot + 1) & mask;
    slots_[slot] = entry;
  }
}

uint32_t MergeTable::Pair(uint32_t a, uint32_t b) const {
  const uint64_t key = uint64_t{a} << kBits | b;
  const uint64_t mask = slots_.size() - 1;
  for (uint64_t slot = SlotOf(key, shift_);; slot = (slot + 1) & mask) {
    const uint64_t entry = slots_[slot];
    if (entry >> kBits == key) return static_cast<uint32_t>(entry & ((1u << kBits) - 1));
    if (entry == kFree) return kNone;
  }
}

void Merger::Merge(absl::string_view piece, std::vector<uint32_t>* ids) {
  if (piece.size() <= kScanLimit) {
    MergeByScan(piece, ids);
  } else {
    MergeByHeap(piece, ids);
  }
}

void Merger::MergeByScan(absl::string_view piece, std::vector<uint32_t>* ids) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(piece.data());
  size_t n = piece.size();
  tokens_.resize(kScanLimit + 1);
  ranks_.resize(kScanLimit + 1);
  uint32_t* tokens = tokens_.data();
  int32_t* ranks = ranks_.data();  // ranks[i]: of tokens i and i + 1 together
  for (size_t i = 0; i < n; ++i) tokens[i] = merges_.ByteToken(bytes[i]);
  for (size_t i = 0; i + 1 < n; ++i)
    ranks[i] = static_cast<int32_t>(merges_.BytePair(bytes[i], bytes[i + 1]));
  constexpr auto kNoMerge = static_cast<int32_t>(MergeTable::kNone);
  while (n > 1) {
    int32_t lowest = kNoMerge;
    for (size_t i = 0; i + 1 < n; ++i) lowest = std::min(lowest, ranks[i]);
    if (lowest == kNoMerge) break;
    size_t at = 0;
    while (ranks[at] != lowest) ++at;
    tokens[at] = static_cast<uint32_t>(lowest);
    std::memmove(tokens + at + 1, tokens + at + 2, (n - at - 2) * sizeof(*tokens));
    std::memmove(ranks + at, ranks + at + 1, (n - at - 2) * sizeof(*ranks));
    --n;
    if (at + 1 < n) ranks[at] = static_cast<int32_t>(merges_.Pair(tokens[at], tokens[at + 1]));
    if (at > 0) ranks[at - 1] = static_cast<int32_t>(merges_.Pair(tokens[at - 1], tokens[at]));
  }
  ids->insert(ids->end(), tokens, tokens + n);
}

void Merger::MergeByHeap(absl::string_view piece, std::vector<uint32_t>* ids) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(piece.data());
  const auto n = static_cast<uint32_t>(piece.size());
  parts_.resize(n);
  heap_.clear();
  for (uint32_t i = 0; i < n; ++i) {
    const bool last = i + 1 == n;
    const uint32_t rank = last ? MergeTable::kNone : merges_.BytePair(bytes[i], bytes[i + 1]);
    parts_[i] = {merges_.ByteToken(bytes[i]), rank, last ? kEnd : i + 1, i == 0 ? kEnd : i - 1};
    if (rank != MergeTable::kNone) heap_.push_back(uint64_t{rank} << 32 | i);
  }
  const std::greater<uint64_t> later;
  std::make_heap(heap_.begin(), heap_.end(), later);
  const auto set_rank = [&](uint32_t i) {
    Part& part = parts_[i];
    part.rank = part.next == kEnd ? MergeTable::kNone : merges_.Pair(part.token, parts_[part.next].token);
    if (part.rank == MergeTable::kNone) return;
    heap_.push_back(uint64_t{part.rank} << 32 | i);
    std::push_heap(heap_.begin(), heap_.end(), later);
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const uint64_t best = heap_.back();
    heap_.pop_back();
    const auto i = static_cast<uint32_t>(best);
    Part& part = parts_[i];
    if (part.rank != best >> 32) continue;  // made of parts that were merged since
    Part& gone = parts_[part.next];
    part.token = part.rank;
    part.next = gone.next;
    gone.rank = MergeTable::kNone;
    if (part.next != kEnd) parts_[part.next].previous = i;
    set_rank(i);
    if (part.previous != kEnd) set_rank(part.previous);
  }
  for (uint32_t i = 0; i != kEnd; i = parts_[i].next) ids->push_back(parts_[i].token);
}

}  // namespace grouter
