#include "routing/table/packed/expert_lists.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "io/error.h"
#include "routing/table/packed/lane_coder.h"
#include "routing/table/packed/plane_code.h"
#include "routing/table/varint.h"

namespace grouter {
namespace {

// A class holds the tokens seen [8, 16), [16, 32), ... times; the last one all others.
constexpr uint32_t kNumClasses = 12;
constexpr uint32_t kFineClass = 7;  // from here on levels are quarter octaves of frequency, before half ones
constexpr uint32_t kMaxLevels = 32;

uint32_t ClassOf(uint32_t occurrences) {
  uint32_t c = 0;
  while (c + 1 < kNumClasses && occurrences >= (2 * kMinListOccurrences) << c) ++c;
  return c;
}

uint8_t LevelOf(uint32_t count, uint32_t occurrences, uint32_t token_class) {
  const double share = (count + 0.125) / (occurrences + 2.0);
  const double per_octave = token_class >= kFineClass ? 4 : 2;
  const double level = std::floor(per_octave * (std::log2(share) + 8));
  return static_cast<uint8_t>(std::min(std::max(level, 0.0), 8 * per_octave - 1));
}

absl::Status Damaged() {
  return Error(absl::StatusCode::kInvalidArgument, "the expert lists are damaged", "", "");
}

}  // namespace

ExpertLists ExpertLists::FromCounts(const TokenCounts& counts) {
  ExpertLists lists;
  const uint32_t num_experts = counts.num_experts;
  GROUTER_CHECK(num_experts <= 256 || counts.tokens.empty());
  lists.num_experts_ = num_experts;
  lists.common_.resize(num_experts);
  std::iota(lists.common_.begin(), lists.common_.end(), 0);
  std::stable_sort(lists.common_.begin(), lists.common_.end(),
                   [&](uint16_t a, uint16_t b) { return counts.all[a] > counts.all[b]; });
  for (uint64_t count : counts.all) lists.shares_.push_back(static_cast<double>(count + 1));
  lists.class_sizes_.assign(kNumClasses, 0);
  std::array<uint8_t, 64> level_of;
  for (uint32_t c = 0; c < kNumClasses; ++c) {
    for (size_t i = 0; i < counts.tokens.size(); ++i) {
      if (ClassOf(counts.occurrences[i]) != c) continue;
      ++lists.class_sizes_[c];
      lists.tokens_.push_back(counts.tokens[i]);
      // Most of a token's counts are small and occur often: a logarithm for each value, not for each expert.
      level_of.fill(kMaxLevels);
      for (uint32_t e = 0; e < num_experts; ++e) {
        const uint32_t count = counts.counts[i * num_experts + e];
        uint8_t level = count < level_of.size() ? level_of[count] : kMaxLevels;
        if (level == kMaxLevels) level = LevelOf(count, counts.occurrences[i], c);
        if (count < level_of.size()) level_of[count] = level;
        lists.levels_.push_back(level);
      }
    }
  }
  lists.BuildLists();
  return lists;
}

void ExpertLists::BuildLists() {
  if (num_experts_ > 256) return;
  stride_ = num_experts_ <= 128 ? 128 : 256;
  lists_.assign(size_t{stride_} / sizeof(Line) * num_lists(), Line{});
  uint8_t* const lists = reinterpret_cast<uint8_t*>(lists_.data());
  for (uint32_t r = 0; r < num_experts_; ++r) lists[r] = static_cast<uint8_t>(common_[r]);
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const uint8_t* level = &levels_[i * num_experts_];
    std::array<uint32_t, kMaxLevels + 1> next = {};
    for (uint32_t e = 0; e < num_experts_; ++e) ++next[kMaxLevels - 1 - level[e] + 1];
    for (uint32_t l = 0; l < kMaxLevels; ++l) next[l + 1] += next[l];
    uint8_t* list = lists + (i + 1) * stride_;
    for (uint16_t e : common_) list[next[kMaxLevels - 1 - level[e]]++] = static_cast<uint8_t>(e);
  }
  for (size_t i = 0; stride_ == 128 && i < lists_.size(); i += 2) beginnings_.push_back(lists_[i]);
  list_of_.assign(tokens_.empty() ? 0 : *std::max_element(tokens_.begin(), tokens_.end()) + size_t{1}, 0);
  for (size_t i = 0; i < tokens_.size(); ++i) list_of_[tokens_[i]] = static_cast<uint32_t>(i + 1);
}

void ExpertLists::ListsOf(absl::Span<const uint32_t> tokens, uint32_t* lists) const {
  const uint32_t* const list_of = list_of_.data();
  const size_t known = list_of_.size();
  const uint8_t* const bytes = stride_ == 128 ? beginnings() : this->lists();
  const size_t stride = stride_ == 128 ? sizeof(Line) : stride_;
  for (size_t t = 0; t < tokens.size(); ++t) {
    const uint32_t list = tokens[t] < known ? list_of[tokens[t]] : 0;
    lists[t] = list;
    __builtin_prefetch(bytes + list * stride, 0, 2);
  }
}

void ExpertLists::Encode(ByteWriter* out) const {
  for (uint16_t e : common_) out->Put<uint16_t>(e);
  std::string gaps;
  size_t first = 0;
  for (uint32_t c = 0; c < kNumClasses; ++c) {
    const uint32_t size = class_sizes_[c];
    gaps.clear();
    uint32_t last = 0;
    for (size_t i = first; i < first + size; ++i) {
      PutVarint(tokens_[i] - last, &gaps);
      last = tokens_[i];
    }
    out->Put<uint32_t>(size);
    if (size == 0) continue;
    out->PutString(gaps);
    const uint64_t count = uint64_t{size} * num_experts_;
    const absl::Span<const uint8_t> levels(&levels_[first * num_experts_], count);
    std::vector<uint32_t> histogram(65536);
    for (uint8_t level : levels) ++histogram[level];
    const PlaneCode code = FitPlaneCode(histogram, kMaxLevels);
    EncodePlaneCode(code, out);
    std::vector<uint8_t> symbols(levels.begin(), levels.end());
    std::string low;
    for (uint8_t& symbol : symbols) {
      if (code.low_bits > 0) low.push_back(static_cast<char>(symbol & ((1 << code.low_bits) - 1)));
      symbol = static_cast<uint8_t>(symbol >> code.low_bits);
    }
    out->PutString(EncodeLanes({code}, symbols, count));
    out->PutString(low);
    first += size;
  }
}

absl::StatusOr<ExpertLists> ExpertLists::Decode(uint32_t num_experts, ByteReader* in) {
  ExpertLists lists;
  lists.num_experts_ = num_experts;
  std::vector<bool> seen(num_experts);
  for (uint32_t r = 0; r < num_experts && in->ok(); ++r) {
    const uint16_t e = in->Get<uint16_t>();
    if (e >= num_experts || seen[e]) return Damaged();
    seen[e] = true;
    lists.common_.push_back(e);
  }
  for (uint32_t c = 0; c < kNumClasses && in->ok(); ++c) {
    const uint32_t size = in->Get<uint32_t>();
    lists.class_sizes_.push_back(size);
    if (size == 0) continue;
    const uint64_t stride = num_experts <= 128 ? 128 : 256;
    if (num_experts > 256 || (lists.tokens_.size() + uint64_t{size} + 1) * stride > kMaxListBytes)
      return Damaged();
    const std::string gap_bytes = in->GetString();
    absl::string_view gaps = gap_bytes;
    if (size > gaps.size()) return Damaged();
    uint64_t token = 0;
    for (uint32_t i = 0; i < size; ++i) {
      uint64_t gap;
      if (!GetVarint(&gaps, &gap) || gap >= kMaxListToken || (i > 0 && gap == 0)) return Damaged();
      token += gap;
      if (token >= kMaxListToken) return Damaged();
      lists.tokens_.push_back(static_cast<uint32_t>(token));
    }
    GROUTER_ASSIGN_OR_RETURN(const PlaneCode code, DecodePlaneCode(in));
    const std::string stream = in->GetString();
    const std::string low = in->GetString();
    const uint64_t count = uint64_t{size} * num_experts;
    // A frequency of 128 takes no bytes at all, so the stream's size bounds nothing; kMaxListBytes does.
    if (!in->ok() || code.has_escape || low.size() != (code.low_bits > 0 ? count : 0)) return Damaged();
    const size_t begin = lists.levels_.size();
    lists.levels_.resize(begin + count);
    const SlotTable table(code);
    LaneStream reader = OpenLanes(stream, stream, count);
    for (uint64_t at = 0; at < count; at += kRunTokens) {
      DecodeLanes(table, static_cast<uint32_t>(std::min<uint64_t>(kRunTokens, count - at)),
                  LaneKernel::kPortable, &reader, &lists.levels_[begin + at]);
    }
    if (!LanesEndWell(reader)) return Damaged();
    for (uint64_t i = 0; i < count; ++i) {
      uint32_t level = uint32_t{lists.levels_[begin + i]} << code.low_bits;
      if (!low.empty()) level += static_cast<uint8_t>(low[i]);
      if (level >= kMaxLevels) return Damaged();
      lists.levels_[begin + i] = static_cast<uint8_t>(level);
    }
  }
  if (!in->ok()) return Damaged();
  lists.BuildLists();
  lists.levels_ = {};
  return lists;
}

}  // namespace grouter
