#include "routing/table/exchange/alignment.h"

#include <algorithm>
#include <functional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace grouter {
namespace {

constexpr int64_t kNoToken = -1;
constexpr int64_t kChanceShift = 97;  // positions this far apart are surely wrong

// The token of route r in a sample of `tokens` tokens and `routes` rows, or kNoToken.
using Position = std::function<int64_t(uint64_t route, uint64_t tokens, uint64_t routes)>;

double Agreement(absl::Span<const AlignmentSample> samples, const Position& position, uint64_t max_tokens) {
  absl::flat_hash_map<uint64_t, uint64_t> pair_count;   // (token, expert) -> occurrences
  absl::flat_hash_map<uint32_t, uint64_t> token_count;  // token -> occurrences with a route
  uint64_t k = 0, seen = 0;
  for (const AlignmentSample& sample : samples) {
    if (seen >= max_tokens) break;
    seen += sample.routes.num_tokens;
    k = std::max<uint64_t>(k, sample.routes.k);
    for (uint32_t r = 0; r < sample.routes.num_tokens; ++r) {
      const int64_t t = position(r, sample.tokens.size(), sample.routes.num_tokens);
      if (t < 0 || t >= static_cast<int64_t>(sample.tokens.size()) || sample.routes.NumTopk(r) == 0) continue;
      const uint32_t token = sample.tokens[t];
      ++token_count[token];
      for (uint32_t i = 0; i < sample.routes.NumTopk(r); ++i) {
        ++pair_count[uint64_t{token} << 16 | sample.routes.Id(r, i)];
      }
    }
  }
  double shared = 0, pairs = 0;
  // A pair of occurrences counts less the more there are, or a few common tokens would decide alone.
  for (const auto& entry : pair_count) {
    const double n = static_cast<double>(token_count[static_cast<uint32_t>(entry.first >> 16)]);
    const double c = static_cast<double>(entry.second);
    if (n > 1) shared += c * (c - 1) / (n - 1);
  }
  for (const auto& entry : token_count) {
    if (entry.second > 1) pairs += static_cast<double>(entry.second);
  }
  return pairs == 0 || k == 0 ? 0 : shared / (pairs * static_cast<double>(k));
}

Position Shift(int64_t offset) {
  return [offset](uint64_t route, uint64_t, uint64_t) { return static_cast<int64_t>(route) + offset; };
}

// Megatron splits a sequence into 2 x size chunks; rank r holds chunks r and 2 x size - 1 - r.
Position Zigzag(uint32_t size, uint32_t rank) {
  return [size, rank](uint64_t route, uint64_t tokens, uint64_t routes) -> int64_t {
    const uint64_t chunk = tokens / (2 * size);
    if (chunk == 0 || routes > 2 * chunk) return kNoToken;
    return static_cast<int64_t>(route < chunk ? rank * chunk + route
                                              : (2 * size - 1 - rank) * chunk + (route - chunk));
  };
}

// All samples have this relation of rows to tokens.
bool All(absl::Span<const AlignmentSample> samples,
         const std::function<bool(uint64_t tokens, uint64_t routes)>& f) {
  return std::all_of(samples.begin(), samples.end(),
                     [&](const AlignmentSample& s) { return f(s.tokens.size(), s.routes.num_tokens); });
}

std::string Words(const AlignmentReport& r) {
  const std::string numbers =
      absl::StrFormat(" (agreement %.3f, aligned %.3f, chance %.3f)", r.agreement, r.aligned, r.chance);
  switch (r.verdict) {
    case Alignment::kAligned:
      return "routes and tokens are aligned" + numbers;
    case Alignment::kShifted:
      return absl::StrCat("route r is that of token r ", r.offset < 0 ? "- " : "+ ", std::abs(r.offset),
                          ": routes and tokens are off by ", std::abs(r.offset), numbers,
                          "; shift the routes by ", r.offset);
    case Alignment::kPadded:
      return absl::StrCat("there are ", r.padding, " padding rows ", r.offset < 0 ? "before" : "after",
                          " the routes", numbers, "; drop them");
    case Alignment::kContextParallel:
      return absl::StrCat("the routes are the slices of context-parallel rank ", r.cp_rank, " of ", r.cp_size,
                          numbers, "; gather all ranks' slices");
    case Alignment::kUnknown:
      break;
  }
  return "nothing tried agrees clearly better than chance" + numbers +
         "; are these the tokens of these routes?";
}

}  // namespace

AlignmentReport CheckAlignment(absl::Span<const AlignmentSample> samples, const AlignmentOptions& options) {
  AlignmentReport best;
  best.aligned = Agreement(samples, Shift(0), options.max_tokens);
  for (int64_t far : {kChanceShift, -kChanceShift, 2 * kChanceShift + 5}) {
    best.chance = std::max(best.chance, Agreement(samples, Shift(far), options.max_tokens));
  }
  best.agreement = best.aligned;
  best.verdict = Alignment::kAligned;
  // A hypothesis must beat alignment itself by a tenth of what there is to gain over chance.
  const double margin = 0.1 * std::max(0.0, best.aligned - best.chance);
  auto consider = [&](const Position& position, AlignmentReport candidate) {
    candidate.agreement = Agreement(samples, position, options.max_tokens);
    if (candidate.agreement <= best.agreement + (best.verdict == Alignment::kAligned ? margin : 0)) return;
    candidate.aligned = best.aligned;
    candidate.chance = best.chance;
    best = candidate;
  };
  for (int64_t offset = -options.max_shift; offset <= options.max_shift; ++offset) {
    if (offset == 0) continue;
    AlignmentReport shifted;
    shifted.verdict = Alignment::kShifted;
    shifted.offset = offset;
    consider(Shift(offset), shifted);
  }
  for (uint32_t size = 2; size <= options.max_cp; size *= 2) {
    if (!All(samples, [&](uint64_t tokens, uint64_t routes) { return tokens / (2 * size) * 2 == routes; }))
      continue;
    for (uint32_t rank = 0; rank < size; ++rank) {
      AlignmentReport sliced;
      sliced.verdict = Alignment::kContextParallel;
      sliced.cp_size = size;
      sliced.cp_rank = rank;
      consider(Zigzag(size, rank), sliced);
    }
  }
  uint64_t extra = 0;
  bool padded = false;
  for (const AlignmentSample& sample : samples) {
    if (sample.routes.num_tokens <= sample.tokens.size()) continue;
    padded = true;
    extra += sample.routes.num_tokens - sample.tokens.size();
  }
  if (padded) {
    AlignmentReport front;
    front.verdict = Alignment::kPadded;
    front.offset = -1;
    front.padding = extra;
    consider(
        [](uint64_t route, uint64_t tokens, uint64_t routes) {
          return static_cast<int64_t>(route) - static_cast<int64_t>(routes - std::min(tokens, routes));
        },
        front);
    if (best.verdict == Alignment::kAligned) {
      best.verdict = Alignment::kPadded;
      best.padding = extra;
    }
  }
  if (best.agreement <= best.chance * 1.2 + 0.01) best.verdict = Alignment::kUnknown;
  best.words = Words(best);
  return best;
}

}  // namespace grouter
