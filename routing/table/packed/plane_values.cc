#include "routing/table/packed/plane_values.h"

#include <algorithm>
#include <cstring>

#include "io/error.h"
#include "routing/table/packed/assembly_kernels.h"
#include "routing/table/varint.h"

namespace grouter {
namespace {

constexpr size_t kLineBytes = 64;  // of the cache

void JoinAny(const PlaneCode& code, const uint8_t* symbols, const char* low, uint32_t count,
             uint16_t* values) {
  for (uint32_t i = 0; i < count; ++i)
    values[i] = static_cast<uint16_t>(code.base + (symbols[i] << code.low_bits));
  for (uint32_t group = 0; group * 64 < count && code.low_bits > 0; ++group) {
    for (uint32_t bit = code.low_bits; bit-- > 0; low += 8) {
      uint64_t word;
      std::memcpy(&word, low, 8);
      const uint32_t end = std::min(64u, count - group * 64);
      for (uint32_t i = 0; i < end; ++i)
        values[group * 64 + i] = static_cast<uint16_t>(values[group * 64 + i] + ((word >> i & 1) << bit));
    }
  }
}

}  // namespace

PlaneTables::PlaneTables(std::vector<PlaneCode> planes) : codes(std::move(planes)) {
  for (const PlaneCode& code : codes) slots.emplace_back(code);
}

uint64_t LowBytes(absl::Span<const PlaneCode> codes, uint64_t num_tokens) {
  uint64_t bits = 0;
  for (const PlaneCode& code : codes) bits += code.low_bits;
  return (num_tokens + 63) / 64 * 8 * bits;
}

CodedPlanes EncodePlanes(absl::Span<const PlaneCode> codes, absl::Span<const uint16_t> values,
                         uint64_t num_tokens) {
  GROUTER_CHECK(values.size() == codes.size() * num_tokens);
  CodedPlanes out;
  out.low.reserve(LowBytes(codes, num_tokens));
  std::vector<uint8_t> symbols(values.size());
  uint64_t position = 0, last_listed = 0;
  for (uint64_t begin = 0; begin < num_tokens; begin += kRunTokens) {
    const uint64_t count = std::min<uint64_t>(kRunTokens, num_tokens - begin);
    for (size_t p = 0; p < codes.size(); ++p) {
      const PlaneCode& code = codes[p];
      const uint16_t* plane = &values[p * num_tokens + begin];
      for (uint64_t i = 0; i < count; ++i, ++position) {
        const uint8_t symbol = code.SymbolOf(plane[i]);
        symbols[p * num_tokens + begin + i] = symbol;
        if (!code.has_escape || symbol != code.escape()) continue;
        PutVarint(position - last_listed, &out.listed);
        out.listed.append(reinterpret_cast<const char*>(&plane[i]), 2);
        last_listed = position;
      }
      for (uint64_t group = 0; group < count; group += 64) {
        for (uint32_t bit = code.low_bits; bit-- > 0;) {
          uint64_t word = 0;
          for (uint64_t i = group; i < std::min(count, group + 64); ++i)
            word |= (static_cast<uint64_t>(static_cast<uint16_t>(plane[i] - code.base)) >> bit & 1)
                    << (i % 64);
          out.low.append(reinterpret_cast<const char*>(&word), 8);
        }
      }
    }
  }
  if (!codes.empty()) out.stream = EncodeLanes(codes, symbols, num_tokens);
  return out;
}

PlaneReader::PlaneReader(const PlaneTables& tables, absl::string_view stream, absl::string_view memory,
                         absl::string_view low, absl::string_view listed, uint64_t num_tokens)
    : tables_(tables),
      stream_(OpenLanes(stream, memory, num_tokens)),
      low_(low),
      listed_(listed),
      symbols_(tables.codes.size() * kRunTokens),
      low_at_(tables.codes.size()) {
  NextListed();
}

void PlaneReader::NextListed() {
  if (listed_.empty()) {
    listed_position_ = UINT64_MAX;
    return;
  }
  uint64_t gap;
  const uint64_t from = listed_position_ == UINT64_MAX ? 0 : listed_position_;
  if (!GetVarint(&listed_, &gap) || listed_.size() < 2 || gap > (uint64_t{1} << 48)) {
    ok_ = false;
    listed_ = absl::string_view();
    listed_position_ = UINT64_MAX;
    return;
  }
  std::memcpy(&listed_value_, listed_.data(), 2);
  listed_.remove_prefix(2);
  listed_position_ = from + gap;
  if (listed_position_ < position_) ok_ = false;
}

// The processor does not foresee these stretches: each plane has a short one, and they are read side by side.
void PlaneReader::AskForLow(uint32_t plane) const {
  const char* const begin = low(plane);
  const char* const end =
      plane + 1 < num_planes() ? low(plane + 1) : low_.data() + std::min<uint64_t>(next_low_, low_.size());
  for (const char* line = begin; line < end; line += kLineBytes) __builtin_prefetch(line);
}

void PlaneReader::ReadRun(uint32_t count, LaneKernel kernel, PlaneReader* other,
                          absl::FunctionRef<void(uint32_t plane)> before) {
  for (PlaneReader* reader : {this, other}) {
    if (reader == nullptr) continue;
    reader->count_ = count;
    for (uint32_t p = 0; p < reader->num_planes(); ++p) {
      reader->low_at_[p] = reader->next_low_;
      reader->next_low_ += (count + 63) / 64 * 8 * reader->tables_.codes[p].low_bits;
    }
  }
  const uint32_t others = other == nullptr ? 0 : other->num_planes();
  for (uint32_t p = 0; p < std::max(num_planes(), others); ++p) {
    uint8_t* mine = p < num_planes() ? &symbols_[size_t{p} * kRunTokens] : nullptr;
    uint8_t* theirs = p < others ? &other->symbols_[size_t{p} * kRunTokens] : nullptr;
    before(p);
    if (mine != nullptr) AskForLow(p);
    if (theirs != nullptr) other->AskForLow(p);
    if (mine != nullptr && theirs != nullptr) {
      DecodeLanePair(tables_.slots[p], &stream_, mine, other->tables_.slots[p], &other->stream_, theirs,
                     count, kernel);
    } else if (mine != nullptr) {
      DecodeLanes(tables_.slots[p], count, kernel, &stream_, mine);
    } else {
      DecodeLanes(other->tables_.slots[p], count, kernel, &other->stream_, theirs);
    }
  }
}

template <typename Use>
void PlaneReader::ReadListed(uint32_t plane, const Use& use) {
  const PlaneCode& code = tables_.codes[plane];
  const uint64_t end = position_ + count_;
  while (listed_position_ < end) {
    const uint64_t i = listed_position_ - position_;
    if (listed_position_ < position_ || !code.has_escape || symbols(plane)[i] != code.escape()) {
      ok_ = false;
      break;
    }
    use(static_cast<uint32_t>(i), listed_value_);
    const uint64_t before = listed_position_;
    NextListed();
    if (listed_position_ <= before) ok_ = false;
    if (!ok_) break;
  }
  position_ = end;
}

void PlaneReader::Values(uint32_t plane, LaneKernel kernel, uint16_t* values) {
  const PlaneCode& code = tables_.codes[plane];
  if (count_ % 64 == 0) {
    Join(kernel, code, symbols(plane), low(plane), count_, values);
  } else {
    JoinAny(code, symbols(plane), low(plane), count_, values);
  }
  ReadListed(plane, [values](uint32_t token, uint16_t value) { values[token] = value; });
}

absl::Span<ListedValue> PlaneReader::SkipRun() {
  listed_of_run_.clear();
  for (uint32_t p = 0; p < num_planes(); ++p) {
    ReadListed(p, [&](uint32_t token, uint16_t value) { listed_of_run_.push_back({p, token, value}); });
  }
  return absl::MakeSpan(listed_of_run_);
}

EightPlanes PlaneReader::AllEight() const {
  EightPlanes planes;
  planes.codes = tables_.codes.data();
  for (uint32_t p = 0; p < 8; ++p) {
    planes.symbols[p] = symbols(p);
    planes.low[p] = low(p);
  }
  return planes;
}

}  // namespace grouter
