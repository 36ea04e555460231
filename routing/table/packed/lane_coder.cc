#include "routing/table/packed/lane_coder.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "io/error.h"
#include "routing/table/packed/lane_kernels.h"

namespace grouter {
namespace {

constexpr uint32_t kTokensPerLane = 16;

uint32_t StateOf(uint32_t i, uint32_t lanes) { return i / 2 + (i % 2 == 0 ? 0 : lanes / 2); }

// One row of at most `lanes` tokens.
void DecodeRow(const SlotTable& table, uint32_t count, LaneStream* s, uint8_t* out) {
  for (uint32_t i = 0; i < count; ++i) {
    uint16_t& x = s->states[StateOf(i, s->lanes)];
    const uint32_t slot = x % kSymbolSlots;
    out[i] = table.symbol[slot];
    x = static_cast<uint16_t>(table.frequency[slot] * (x / kSymbolSlots) + table.bias[slot]);
  }
  for (uint32_t parity = 0; parity < 2; ++parity) {
    for (uint32_t i = parity; i < count; i += 2) {
      uint16_t& x = s->states[StateOf(i, s->lanes)];
      if (x >= kStateFloor) continue;
      if (s->next >= s->end) {
        s->ok = false;
        x = kStateFloor;
        continue;
      }
      x = static_cast<uint16_t>(x << 8 | *s->next++);
    }
  }
}

// Whole rows of 64 tokens can be decoded without looking where the memory ends.
bool FitsRows(const LaneStream& s, uint32_t rows) {
  return s.lanes == kMaxLanes && rows > 0 && s.readable_end - s.next >= static_cast<int64_t>(64) * rows + 64;
}

}  // namespace

uint32_t LanesFor(uint64_t num_tokens) {
  uint32_t lanes = 1;
  while (lanes < kMaxLanes && uint64_t{2} * lanes * kTokensPerLane <= num_tokens) lanes *= 2;
  return lanes;
}

std::vector<LaneKernel> LaneKernels() {
  std::vector<LaneKernel> kernels = {LaneKernel::kPortable};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
    kernels.push_back(LaneKernel::kAvx2);
    if (__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("gfni")) {
      kernels.push_back(LaneKernel::kAvx512Vbmi);
    }
  }
#endif
  return kernels;
}

LaneKernel BestLaneKernel() {
  static const LaneKernel best = LaneKernels().back();
  return best;
}

std::string EncodeLanes(absl::Span<const PlaneCode> codes, absl::Span<const uint8_t> symbols,
                        uint64_t num_tokens) {
  GROUTER_CHECK(symbols.size() == codes.size() * num_tokens);
  const uint32_t lanes = LanesFor(num_tokens);
  std::vector<std::array<uint8_t, kSymbolSlots>> starts(codes.size());
  for (size_t p = 0; p < codes.size(); ++p) {
    uint8_t start = 0;
    for (uint32_t s = 0; s < codes[p].num_symbols; ++s) {
      starts[p][s] = start;
      start += codes[p].frequency[s];
    }
  }
  std::vector<uint32_t> states(lanes, kStateFloor);
  std::string reversed;
  const uint64_t runs = (num_tokens + kRunTokens - 1) / kRunTokens;
  for (uint64_t run = runs; run-- > 0;) {
    const uint64_t begin = run * kRunTokens;
    const uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(kRunTokens, num_tokens - begin));
    for (size_t p = codes.size(); p-- > 0;) {
      const uint8_t* plane = &symbols[p * num_tokens + begin];
      for (uint32_t row = (count + lanes - 1) / lanes; row-- > 0;) {
        const uint32_t in_row = std::min(lanes, count - row * lanes);
        for (uint32_t parity = 2; parity-- > 0;) {
          for (uint32_t n = (in_row + 1 - parity) / 2; n-- > 0;) {
            const uint32_t i = 2 * n + parity;
            const uint8_t symbol = plane[row * lanes + i];
            const uint32_t frequency = codes[p].frequency[symbol];
            GROUTER_CHECK(frequency > 0);
            uint32_t& x = states[StateOf(i, lanes)];
            if (x >= (kStateFloor * 256 / kSymbolSlots) * frequency) {
              reversed.push_back(static_cast<char>(x & 255));
              x >>= 8;
            }
            x = x / frequency * kSymbolSlots + x % frequency + starts[p][symbol];
          }
        }
      }
    }
  }
  std::string out;
  out.reserve(2 * lanes + reversed.size());
  for (uint32_t x : states) {
    out.push_back(static_cast<char>(x & 255));
    out.push_back(static_cast<char>(x >> 8));
  }
  out.append(reversed.rbegin(), reversed.rend());
  return out;
}

LaneStream OpenLanes(absl::string_view stream, absl::string_view memory, uint64_t num_tokens) {
  LaneStream s;
  s.lanes = LanesFor(num_tokens);
  s.next = reinterpret_cast<const uint8_t*>(stream.data());
  s.end = s.next + stream.size();
  s.readable_end = reinterpret_cast<const uint8_t*>(memory.data()) + memory.size();
  s.states.fill(kStateFloor);
  if (stream.size() < 2 * size_t{s.lanes}) {
    s.ok = false;
    s.next = s.end;
    return s;
  }
  std::memcpy(s.states.data(), s.next, 2 * size_t{s.lanes});
  s.next += 2 * s.lanes;
  return s;
}

void DecodeLanes(const SlotTable& table, uint32_t count, LaneKernel kernel, LaneStream* s, uint8_t* out) {
  uint32_t done = 0;
  if (FitsRows(*s, count / kMaxLanes)) {
    DecodeRows(kernel, table, count / kMaxLanes, s, out);
    done = count / kMaxLanes * kMaxLanes;
  }
  for (; done < count; done += s->lanes) DecodeRow(table, std::min(s->lanes, count - done), s, out + done);
  if (s->next > s->end) {
    s->ok = false;
    s->next = s->end;
  }
}

void DecodeLanePair(const SlotTable& table_a, LaneStream* a, uint8_t* out_a, const SlotTable& table_b,
                    LaneStream* b, uint8_t* out_b, uint32_t count, LaneKernel kernel) {
  const uint32_t rows = count / kMaxLanes;
  if (!FitsRows(*a, rows) || !FitsRows(*b, rows)) {
    DecodeLanes(table_a, count, kernel, a, out_a);
    DecodeLanes(table_b, count, kernel, b, out_b);
    return;
  }
  DecodeRowPairs(kernel, table_a, a, out_a, table_b, b, out_b, rows);
  DecodeLanes(table_a, count - rows * kMaxLanes, kernel, a, out_a + rows * kMaxLanes);
  DecodeLanes(table_b, count - rows * kMaxLanes, kernel, b, out_b + rows * kMaxLanes);
}

bool LanesEndWell(const LaneStream& s) {
  return s.ok && s.next == s.end && std::all_of(s.states.begin(), s.states.begin() + s.lanes, [](uint16_t x) {
           return x == kStateFloor;
         });
}

}  // namespace grouter
