#include "routing/table/packed/plane_code.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "io/error.h"

namespace grouter {
namespace {

constexpr double kListedBits = 28;     // about a byte of distance and two of value
constexpr double kRareShare = 0.0004;  // below it, listing is cheaper than a slot

// Shares kSymbolSlots among the symbols with a count, at least one each, for the fewest bits.
void ShareSlots(const std::vector<double>& counts, PlaneCode* code) {
  static const std::array<double, kSymbolSlots + 1> gain = [] {
    std::array<double, kSymbolSlots + 1> table{};
    for (uint32_t f = 1; f <= kSymbolSlots; ++f) table[f] = std::log2((f + 1.0) / f);
    return table;
  }();
  uint32_t left = kSymbolSlots;
  code->frequency.fill(0);
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] <= 0) continue;
    code->frequency[i] = 1;
    --left;
  }
  for (; left > 0; --left) {
    size_t best = 0;
    double most = -1;
    for (size_t i = 0; i < counts.size(); ++i) {
      const uint8_t f = code->frequency[i];
      if (f > 0 && counts[i] * gain[f] > most) {
        most = counts[i] * gain[f];
        best = i;
      }
    }
    ++code->frequency[best];
  }
}

// False when the values do not fit 128 symbols with so few low bits.
bool FitWithLowBits(absl::Span<const uint32_t> histogram, double total, uint16_t base, uint32_t last,
                    uint32_t domain, PlaneCode* code) {
  const uint32_t span = domain > 0 ? domain : last - base + 1;
  const uint32_t needed = ((span - 1) >> code->low_bits) + 1;
  if (domain > 0 && needed > kSymbolSlots) return false;
  const uint32_t symbols = std::min(needed, kSymbolSlots - (domain > 0 ? 0 : 1));
  std::vector<double> counts(symbols, domain > 0 ? 1e-9 : 0);
  for (uint32_t v = base; v < 65536 && (v - base) >> code->low_bits < symbols; ++v)
    counts[(v - base) >> code->low_bits] += histogram[v];
  code->base = base;
  if (domain == 0) {
    double kept = 0;
    for (double& count : counts) {
      if (count < total * kRareShare) count = 0;
      kept += count;
    }
    while (!counts.empty() && counts.back() == 0) counts.pop_back();
    if (total == 0) counts = {1};  // tokens that do not use the plane have to be told cheaply
    counts.push_back(std::max(total - kept, 1e-9));
    if (std::count_if(counts.begin(), counts.end(), [](double c) { return c > 0; }) > 100) return false;
  }
  code->num_symbols = static_cast<uint8_t>(counts.size());
  code->has_escape = domain == 0;
  ShareSlots(counts, code);
  return true;
}

}  // namespace

uint8_t PlaneCode::SymbolOf(uint16_t value) const {
  const uint32_t symbol = static_cast<uint16_t>(value - base) >> low_bits;
  const uint32_t coded = num_symbols - (has_escape ? 1 : 0);
  return symbol < coded && frequency[symbol] > 0 ? symbol : escape();
}

uint16_t PlaneCode::ValueAt(const uint8_t* symbols, const char* low, uint32_t i) const {
  uint32_t value = symbols[i];
  low += size_t{8} * low_bits * (i / 64) + i % 64 / 8;
  for (uint32_t bit = 0; bit < low_bits; ++bit)
    value = 2 * value + (static_cast<uint8_t>(low[8 * bit]) >> (i % 8) & 1);
  return static_cast<uint16_t>(base + value);
}

double PlaneCodeBits(const PlaneCode& code, absl::Span<const uint32_t> histogram) {
  double bits = 0;
  for (uint32_t v = 0; v < 65536; ++v) {
    if (histogram[v] == 0) continue;
    const uint8_t symbol = code.SymbolOf(static_cast<uint16_t>(v));
    const double listed = code.has_escape && symbol == code.escape() ? kListedBits : 0;
    bits += histogram[v] * (code.low_bits + listed + 7 - std::log2(code.frequency[symbol]));
  }
  return bits;
}

PlaneCode FitPlaneCode(absl::Span<const uint32_t> histogram, uint32_t domain) {
  GROUTER_CHECK(histogram.size() == 65536 && domain <= 65536);
  double total = 0;
  uint32_t last = 0;
  for (uint32_t v = 0; v < 65536; ++v) {
    total += histogram[v];
    if (histogram[v] > 0) last = v;
  }
  uint16_t base = 0;
  if (domain == 0 && total > 0) {
    double below = 0;
    while (below + histogram[base] <= total * 2e-5) below += histogram[base++];
  }
  PlaneCode best;
  double fewest = std::numeric_limits<double>::infinity();
  for (uint8_t low_bits = 0; low_bits <= kMaxLowBits; ++low_bits) {
    PlaneCode code;
    code.low_bits = low_bits;
    if (!FitWithLowBits(histogram, total, base, last, domain, &code)) continue;
    const double bits = PlaneCodeBits(code, histogram);
    if (bits < fewest) {
      fewest = bits;
      best = code;
    }
  }
  return best;
}

void EncodePlaneCode(const PlaneCode& code, ByteWriter* out) {
  out->Put<uint16_t>(code.base);
  out->Put<uint8_t>(code.low_bits);
  out->Put<uint8_t>(code.num_symbols);
  out->Put<uint8_t>(code.has_escape);
  out->PutRaw(code.frequency.data(), code.num_symbols);
}

absl::StatusOr<PlaneCode> DecodePlaneCode(ByteReader* in) {
  PlaneCode code;
  code.base = in->Get<uint16_t>();
  code.low_bits = in->Get<uint8_t>();
  code.num_symbols = in->Get<uint8_t>();
  const uint8_t has_escape = in->Get<uint8_t>();
  code.has_escape = has_escape == 1;
  code.frequency.fill(0);
  uint32_t sum = 0;
  const absl::string_view raw = in->GetRaw(code.num_symbols);
  if (in->ok() && code.num_symbols >= 1 && code.num_symbols <= kSymbolSlots) {
    for (uint32_t i = 0; i < raw.size(); ++i) sum += code.frequency[i] = static_cast<uint8_t>(raw[i]);
  }
  if (sum != kSymbolSlots || code.low_bits > kMaxLowBits || has_escape > 1) {
    return Error(absl::StatusCode::kInvalidArgument, "a plane's code is damaged", "", "");
  }
  return code;
}

SlotTable::SlotTable(const PlaneCode& code) {
  uint32_t slot = 0;
  for (uint32_t s = 0; s < code.num_symbols; ++s) {
    for (uint32_t i = 0; i < code.frequency[s]; ++i, ++slot) {
      symbol[slot] = static_cast<uint8_t>(s);
      frequency[slot] = code.frequency[s];
      bias[slot] = static_cast<uint8_t>(i);
      together[slot] = uint32_t{frequency[slot]} << 16 | uint32_t{bias[slot]} << 8 | symbol[slot];
    }
  }
  GROUTER_CHECK(slot == kSymbolSlots);
}

}  // namespace grouter
