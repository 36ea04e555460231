#include "routing/planning/counting/column_counter.h"

#include <algorithm>

#include "io/error.h"

namespace grouter {
namespace {

// Past this many words of bits, walking each pair's few columns is quicker than or-ing all words.
constexpr uint32_t kMostBitWords = 16;
// Up to here an expert's columns are bytes of a table.
constexpr uint32_t kMostByteColumns = 16;

}  // namespace

InstructionSet BestInstructionSet() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2")) {
    return InstructionSet::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return InstructionSet::kAvx2;
#endif
  return InstructionSet::kPortable;
}

ColumnCounter::ColumnCounter(uint32_t num_columns,
                             const std::vector<std::vector<uint32_t>>& columns_of_expert,
                             InstructionSet instructions)
    : num_columns_(num_columns),
      num_experts_(static_cast<uint32_t>(columns_of_expert.size())),
      instructions_(instructions) {
  words_ = (num_columns + 255) / 256 * 4;
  first_column_.push_back(0);
  for (const auto& columns : columns_of_expert) {
    for (uint32_t column : columns) {
      GROUTER_CHECK(column < num_columns);
      columns_.push_back(column);
    }
    first_column_.push_back(static_cast<uint32_t>(columns_.size()));
  }
  if (num_columns > 0 && num_columns <= kMostByteColumns && num_experts_ <= 256) {
    bytes_.assign((num_columns + 7) / 8 * 256, 0);
    for (uint32_t e = 0; e < num_experts_; ++e) {
      for (uint32_t column : columns_of_expert[e]) {
        uint8_t& bits = bytes_[column / 8 * 256 + e];
        bits = static_cast<uint8_t>(bits | 1u << (column % 8));
      }
    }
  }
  if (words_ > kMostBitWords) return;
  // u8 ids index the table unchecked, so it has a row for each of them.
  const uint32_t num_rows = std::max(num_experts_ + 1, 256u);
  rows_.assign(uint64_t{num_rows} * words_, 0);
  for (uint32_t row = 0; row < num_rows; ++row) {
    uint64_t* bits = &rows_[uint64_t{row} * words_];
    if (row >= num_experts_) continue;
    for (uint32_t column : columns_of_expert[row]) bits[column / 64] |= uint64_t{1} << (column % 64);
  }
}

void ColumnCounter::Count(const RouteView& view, uint32_t first, uint32_t num_tokens,
                          uint32_t* counts) const {
  GROUTER_CHECK(first <= view.num_tokens && num_tokens <= view.num_tokens - first);
  if (view.k == 0 || num_tokens == 0) return;
  if (TakesBytes(view)) {
    CountBytes(view, first, num_tokens, counts);
    return;
  }
  if (rows_.empty()) {
    CountByStamps(view, first, num_tokens, counts);
    return;
  }
  ColumnRun run;
  run.ids = view.ids.data() + uint64_t{first} * view.k * view.id_width;
  run.k = view.k;
  run.num_tokens = num_tokens;
  run.rows = rows_.data();
  run.words = words_;
  run.num_rows = static_cast<uint32_t>(rows_.size() / words_);
  std::vector<uint8_t> num_topk;
  if (!view.missing.empty()) {
    num_topk.resize(num_tokens);
    for (uint32_t t = 0; t < num_tokens; ++t) num_topk[t] = static_cast<uint8_t>(view.NumTopk(first + t));
    run.num_topk = num_topk.data();
  } else if (!view.num_topk.empty()) {
    run.num_topk = reinterpret_cast<const uint8_t*>(view.num_topk.data()) + first;
  }
  std::vector<uint32_t> wide;  // the kernels count whole words of columns
  if (num_counts() < words_ * 64) wide.assign(words_ * 64, 0);
  uint32_t* into = wide.empty() ? counts : wide.data();
  switch (instructions_) {
    case InstructionSet::kAvx512:
      CountColumnsAvx512(run, view.id_width, into);
      break;
    case InstructionSet::kAvx2:
      CountColumnsAvx2(run, view.id_width, into);
      break;
    case InstructionSet::kPortable:
      CountColumnsPortable(run, view.id_width, into);
      break;
  }
  if (wide.empty()) return;
  for (uint32_t c = 0; c < num_columns_; ++c) counts[c] += wide[c];
}

void ColumnCounter::CountBytes(const RouteView& view, uint32_t first, uint32_t num_tokens,
                               uint32_t* counts) const {
  const bool permutes = instructions_ == InstructionSet::kAvx512 && HasBytePermutes();
  ByteRun run;
  run.k = view.k;
  run.short_table = num_experts_ <= 128;
  run.ids = reinterpret_cast<const uint8_t*>(view.ids.data()) + uint64_t{first} * view.k;
  run.num_tokens = num_tokens;
  run.tables = bytes_.data();
  run.num_tables = static_cast<uint32_t>(bytes_.size() / 256);
  if (permutes) {
    CountBytesAvx512(run, counts);
  } else if (instructions_ == InstructionSet::kPortable) {
    CountBytesPortable(run, counts);
  } else {
    CountBytesAvx2(run, counts);
  }
}

void ColumnCounter::CountByStamps(const RouteView& view, uint32_t first, uint32_t num_tokens,
                                  uint32_t* counts) const {
  std::vector<uint32_t> last_token(num_columns_, UINT32_MAX);
  for (uint32_t t = first; t < first + num_tokens; ++t) {
    const uint32_t k = view.NumTopk(t);
    for (uint32_t j = 0; j < k; ++j) {
      const uint32_t expert = view.Id(t, j);
      if (expert >= num_experts_) continue;
      for (uint32_t i = first_column_[expert]; i < first_column_[expert + 1]; ++i) {
        const uint32_t column = columns_[i];
        if (last_token[column] == t) continue;
        last_token[column] = t;
        ++counts[column];
      }
    }
  }
}

}  // namespace grouter
